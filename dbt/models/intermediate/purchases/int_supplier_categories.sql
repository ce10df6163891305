{{ config(materialized='table') }}

with

terms as (
    select * from {{ ref('int_contract_terms') }}
),

scopes as (
    select * from {{ ref('int_contract_scopes') }}
),

held as (
    select
        terms.supplier_id,
        scopes.category_code,
        terms.valid_from,
        terms.valid_until
    from terms
    inner join scopes
        on
            terms.contract_id = scopes.contract_id
            and terms.supplier_id = scopes.supplier_id
    where terms.valid_from <= terms.valid_until
)

{{ merged_segments('held', ['supplier_id', 'category_code']) }}
