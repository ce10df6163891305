{{ config(materialized='table') }}

with

held as (
    select *
    from {{ ref('int_contract_entitlements') }}
    where valid_from <= valid_until
)

{{ chosen_segments('held', ['supplier_id', 'unit_id']) }}
