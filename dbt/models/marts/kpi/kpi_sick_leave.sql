with

staff_months as (
    select * from {{ ref('int_staff_months') }}
)

select
    month as record_id,
    month_end as event_date,
    sick_hours as numerator,
    ordinary_hours as denominator,
    cast(null as varchar) as exclusion,
    1 as known_weight,
    0 as unknown_weight
from staff_months
