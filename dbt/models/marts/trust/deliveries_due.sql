-- The deliveries that organisation.yml expects and whether they came. One row per source, unit and period.
select
    source,
    unit,
    period,
    period_start,
    period_end,
    due_date,
    arrived_at,
    last_arrival,
    status
from {{ source('run', 'expected') }}
