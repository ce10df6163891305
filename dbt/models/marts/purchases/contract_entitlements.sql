{{ config(materialized='table') }}

select
    contract_id,
    supplier_id,
    unit_id,
    category_code,
    valid_from as valid_from_date,
    nullif(valid_until, date '9999-12-31') as in_force_until_date
from {{ ref('int_category_entitlements') }}
where valid_from <= valid_until
order by contract_id asc, supplier_id asc, unit_id asc, category_code asc
