with

activities as (
    select * from {{ ref('int_activities') }}
)

select
    activity_id as record_id,
    activity_date as event_date,
    1 as numerator,
    cast(null as integer) as denominator,
    cast(null as varchar) as exclusion,
    1 as known_weight,
    0 as unknown_weight
from activities
