-- The years that a figure is known for: what a forecast may compare with. One row per indicator and year.
--   is_complete: the year has ended, and what comes month by month has come for all its months.
--   known_from: the first month of which something is known; known_until: the last day.
{{ config(materialized='table') }}
with
catalogue as (
    select
        *,
        has_own_dimensions or record_kind in ('staff_month', 'budget_line') as comes_monthly
    from {{ ref('kpi_catalogue') }}
    -- What is measured once a year is known or it is not.
    where is_live and aggregation <> 'estimate' and period_rule is distinct from 'year_only'
),

settings as (select as_of from {{ source('run', 'settings') }}),

months as (
    select
        kpi_id,
        month_start
    from {{ ref('int_kpi_months') }}
    where member_code = 'ALL' and category_group = 'ALL' and known_weight > 0
    union
    select
        kpi_id,
        cast(date_trunc('month', event_date) as date) as month_start
    from {{ ref('int_kpi_records') }}
    where member_code = 'ALL' and category_group = 'ALL' and known_weight > 0
),

spans as (
    select
        kpi_id,
        cast(year(month_start) as bigint) as calendar_year,
        count(*) as month_count,
        min(month_start) as first_month,
        max(month_start) as last_month
    from months
    group by all
),

outcomes as (
    select
        kpi_id,
        cast(period as bigint) as calendar_year,
        period_end
    from {{ ref('kpi_values') }}
    where period_type = 'year' and member_code = 'ALL' and category_group = 'ALL' and actual is not null
)

select
    outcomes.kpi_id,
    outcomes.calendar_year,
    outcomes.period_end <= settings.as_of and (not catalogue.comes_monthly or spans.month_count = 12)
        as is_complete,
    -- A state is known every day, and a count of events from the first: nothing has happened yet.
    case
        when catalogue.is_event_count or catalogue.period_rule in ('in_force_at_end', 'stock_at_end')
            then make_date(outcomes.calendar_year, 1, 1)
        else spans.first_month
    end as known_from,
    case
        when catalogue.comes_monthly
            then least(last_day(spans.last_month), settings.as_of, outcomes.period_end)
        else least(settings.as_of, outcomes.period_end)
    end as known_until
from outcomes
inner join catalogue on outcomes.kpi_id = catalogue.kpi_id
cross join settings
left join spans
    on outcomes.kpi_id = spans.kpi_id and outcomes.calendar_year = spans.calendar_year
