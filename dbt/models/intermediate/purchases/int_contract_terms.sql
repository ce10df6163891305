{{ config(materialized='table') }}

with

contracts as (
    select * from {{ ref('stg_contracts') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
)

select
    contracts.contract_id,
    contracts.supplier_id,
    contracts.category_code,
    contracts.ceiling_value,
    contracts.valid_from,
    least(
        coalesce(contracts.valid_to, date '9999-12-31'),
        -- A termination after the as-of date is not yet known.
        case
            when contracts.terminated_date <= settings.as_of then contracts.terminated_date
            else date '9999-12-31'
        end
    ) as valid_until
from contracts
cross join settings
