with

budget_lines as (
    select * from {{ ref('int_budget_lines') }}
)

select
    budget_record_id as record_id,
    month_end as event_date,
    net_cost_below_budget as numerator,
    budgeted_gross_cost as denominator,
    cast(null as varchar) as exclusion,
    1 as known_weight,
    0 as unknown_weight
from budget_lines
