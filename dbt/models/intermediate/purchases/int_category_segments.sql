{{ config(materialized='table') }}

with

held as (
    select *
    from {{ ref('int_category_entitlements') }}
    where valid_from <= valid_until
)

{{ chosen_segments('held', ['supplier_id', 'unit_id', 'category_code']) }}
