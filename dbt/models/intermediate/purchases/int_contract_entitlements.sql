{{ config(materialized='table') }}

with

terms as (
    select * from {{ ref('int_contract_terms') }}
),

openings as (
    select * from {{ ref('int_contract_openings') }}
)

select
    terms.contract_id,
    terms.supplier_id,
    openings.unit_id,
    terms.valid_from,
    terms.valid_until
from terms
inner join openings on terms.contract_id = openings.contract_id
