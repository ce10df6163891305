-- Not computed yet: no record counts, so that every period is no_data.
with

contracts as (
    select * from {{ ref('stg_contracts') }}
)

select
    contract_id as record_id,
    signed_date as event_date,
    cast(null as decimal(38, 10)) as numerator,
    cast(null as decimal(38, 10)) as denominator,
    cast(null as varchar) as exclusion,
    0 as known_weight,
    0 as unknown_weight
from contracts
where false
