with

deviations as (
    select * from {{ ref('int_deviations') }}
)

select
    deviation_id as record_id,
    deviation_date as event_date,
    1 as numerator,
    cast(null as integer) as denominator,
    cast(null as varchar) as exclusion,
    1 as known_weight,
    0 as unknown_weight
from deviations
