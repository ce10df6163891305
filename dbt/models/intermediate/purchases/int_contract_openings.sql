{{ config(materialized='table') }}

with

contract_buyers as (
    select * from {{ ref('stg_contract_buyers') }}
),

units as (
    select * from {{ ref('int_units') }}
)

select
    contract_id,
    unit_id
from contract_buyers
where unit_id <> 'ALL'
union
select
    contract_buyers.contract_id,
    units.unit_id
from contract_buyers
cross join units
where
    contract_buyers.unit_id = 'ALL'
    and units.is_member_unit
