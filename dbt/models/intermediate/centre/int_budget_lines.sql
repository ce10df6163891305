with

budget as (
    select * from {{ ref('stg_budget') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
),

-- A month is known when it has ended; a budget reaches further.
dated as (
    select
        budget.*,
        last_day(cast(budget.month || '-01' as date)) as month_end
    from budget
)

select
    dated.month || '|' || dated.line as budget_record_id,
    dated.month_end,
    dated.line,
    -- Income is stored as a positive amount and lowers the net cost.
    case
        when dated.line = 'income' then dated.outcome_amount - dated.budget_amount
        else dated.budget_amount - dated.outcome_amount
    end as net_cost_below_budget,
    case
        when dated.line = 'income' then cast(0 as decimal(18, 2))
        else dated.budget_amount
    end as budgeted_gross_cost,
    dated.source_file,
    dated.source_row
from dated
cross join settings
where dated.month_end <= settings.as_of
