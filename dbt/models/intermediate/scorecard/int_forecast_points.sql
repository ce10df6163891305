-- From when forecasts are made: now, of the running year; and the quarter ends of the complete years, as if the rest
-- of the year were not known. One row per indicator and point. `month_part` is how much of its last month has passed.
{{ config(materialized='table') }}
with
years as (select * from {{ ref('int_forecast_years') }}),

settings as (select as_of from {{ source('run', 'settings') }}),

quarter_ends as (select unnest([3, 6, 9]) as month_number),

points as (
    select
        years.kpi_id,
        years.calendar_year as target_year,
        years.known_until as point,
        true as is_running
    from years
    cross join settings
    where make_date(years.calendar_year, 12, 31) > settings.as_of
    union all
    select
        years.kpi_id,
        years.calendar_year as target_year,
        last_day(make_date(years.calendar_year, quarter_ends.month_number, 1)) as point,
        false as is_running
    from years
    cross join quarter_ends
    where
        years.is_complete
        and years.known_from <= last_day(make_date(years.calendar_year, quarter_ends.month_number, 1))
),

parted as (
    select
        *,
        day(point) / cast(day(last_day(point)) as double) as month_part
    from points
)

select
    points.kpi_id,
    points.target_year,
    points.point,
    points.is_running,
    cast(month(points.point) as bigint) as month_number,
    points.month_part,
    (month(points.point) - 1 + points.month_part) / 12.0 as elapsed,
    list(earlier.calendar_year order by earlier.calendar_year) as earlier_years
from parted as points
inner join years as earlier
    on
        points.kpi_id = earlier.kpi_id
        and earlier.is_complete
        and earlier.calendar_year between points.target_year - 5 and points.target_year - 1
group by points.kpi_id, points.target_year, points.point, points.is_running, points.month_part
