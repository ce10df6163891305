with

internships as (
    select * from {{ ref('int_internships') }}
)

select
    placement_id as record_id,
    start_date as event_date,
    persons as numerator,
    cast(null as integer) as denominator,
    cast(null as varchar) as exclusion,
    1 as known_weight,
    0 as unknown_weight
from internships
