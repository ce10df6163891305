{{ config(materialized='table') }}

with

contracts as (
    select * from {{ ref('dim_contract') }} where procurement_id is not null
),

by_contract as (
    select
        procurement_id,
        contract_id,
        {{ of_contract('expected_volume_amount') }} as expected_volume_amount
    from contracts
    group by procurement_id, contract_id
)

select
    procurement_id,
    sum(expected_volume_amount) as expected_volume_amount
from by_contract
group by procurement_id
