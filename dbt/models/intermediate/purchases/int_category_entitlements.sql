{{ config(materialized='table') }}

with

entitlements as (
    select * from {{ ref('int_contract_entitlements') }}
),

scopes as (
    select * from {{ ref('int_contract_scopes') }}
)

select
    entitlements.contract_id,
    entitlements.supplier_id,
    entitlements.unit_id,
    scopes.category_code,
    entitlements.valid_from,
    entitlements.valid_until
from entitlements
inner join scopes
    on
        entitlements.contract_id = scopes.contract_id
        and entitlements.supplier_id = scopes.supplier_id
