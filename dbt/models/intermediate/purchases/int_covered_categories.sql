{{ config(materialized='table') }}

with

held as (
    select *
    from {{ ref('int_category_entitlements') }}
    where valid_from <= valid_until
)

{{ merged_segments('held', ['unit_id', 'category_code']) }}
