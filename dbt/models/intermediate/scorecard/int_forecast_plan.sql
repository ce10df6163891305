-- The procurement plan of every year as it stood at the points of forecasts. The plan of a year is taken as known from
-- its first day, since it is decided before it. One row per member, year and day of the year.
{{ config(materialized='table') }}
with
days as (
    select distinct
        month_number,
        cast(day(point) as bigint) as month_day
    from {{ ref('int_forecast_points') }}
),

planned as (
    select
        delivered.procurement_id,
        dimensions.member_code,
        cast(year(delivered.planned_completion_date) as bigint) as calendar_year,
        procurements.completed_date,
        procurements.cancelled_date
    from {{ ref('stg_procurements') }} as delivered
    inner join {{ ref('int_procurements') }} as procurements
        on delivered.procurement_id = procurements.procurement_id and procurements.is_in_scope
    inner join {{ ref('int_record_dimensions') }} as dimensions
        on dimensions.record_kind = 'procurement' and delivered.procurement_id = dimensions.record_id
    where delivered.planned_completion_date is not null
),

dated as (
    select
        planned.*,
        days.month_number,
        days.month_day,
        least(
            make_date(planned.calendar_year, days.month_number, 1) + cast(days.month_day - 1 as integer),
            last_day(make_date(planned.calendar_year, days.month_number, 1))
        ) as point,
        make_date(planned.calendar_year, 12, 31) as year_end
    from planned
    cross join days
),

states as (
    select
        *,
        (completed_date is null or completed_date > point)
        and (cancelled_date is null or cancelled_date > point) as is_open
    from dated
)

select
    member_code,
    calendar_year,
    month_number,
    month_day,
    count(*) as planned_count,
    count(*) filter (where completed_date <= point) as done_count,
    count(*) filter (where is_open) as open_count,
    count(*) filter (where is_open and completed_date <= year_end) as done_later_count
from states
group by all
