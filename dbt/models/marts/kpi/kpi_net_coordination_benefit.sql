-- Not computed yet: no record counts, so that every period is no_data.
with

procurements as (
    select * from {{ ref('int_procurements') }}
)

select
    procurement_id as record_id,
    completed_date as event_date,
    cast(null as decimal(38, 10)) as numerator,
    cast(null as decimal(38, 10)) as denominator,
    cast(null as varchar) as exclusion,
    0 as known_weight,
    0 as unknown_weight
from procurements
where false
