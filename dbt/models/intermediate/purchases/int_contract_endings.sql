{{ config(materialized='table') }}

with

entitlements as (
    select * from {{ ref('int_category_entitlements') }}
)

select
    supplier_id,
    unit_id,
    category_code,
    min(valid_until) as first_end
from entitlements
where valid_until < date '9999-12-31'
group by supplier_id, unit_id, category_code
