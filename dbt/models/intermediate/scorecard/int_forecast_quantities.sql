-- How much is still to come of what a year is made up of, by the pattern of the earlier years or by the procurement
-- plan. One row per indicator, member and point. The unit is the quantity of int_forecast_months.
--   so_far_*: this year until the point; rest_mean and rest_variance: the rest of it; before_*: the earlier years.
{{ config(materialized='table') }}
with
points as (
    select
        points.*,
        cast(day(points.point) as bigint) as month_day,
        catalogue.basis = 'completed' as is_planned
    from {{ ref('int_forecast_points') }} as points
    inner join {{ ref('kpi_catalogue') }} as catalogue on points.kpi_id = catalogue.kpi_id
    where catalogue.period_rule is null or catalogue.period_rule = 'mean_stock'
),

months as (select * from {{ ref('int_forecast_months') }}),

members as (
    select distinct
        kpi_id,
        member_code
    from months
),

plans as (select * from {{ ref('int_forecast_plan') }}),

-- This year until the point.
so_far as (
    select
        points.kpi_id,
        members.member_code,
        points.target_year,
        points.point,
        coalesce(sum(months.quantity order by months.month_number), 0) as so_far_quantity,
        coalesce(sum(months.numerator order by months.month_number), 0) as so_far_numerator,
        avg(months.stock order by months.month_number) as mean_stock,
        coalesce(sum(months.counted), 0) as so_far_count
    from points
    inner join members on points.kpi_id = members.kpi_id
    left join months
        on
            points.kpi_id = months.kpi_id
            and members.member_code = months.member_code
            and points.target_year = months.calendar_year
            and points.month_number >= months.month_number
    group by points.kpi_id, members.member_code, points.target_year, points.point
),

earlier as (
    select
        * exclude (earlier_years),
        unnest(earlier_years) as calendar_year
    from points
),

-- Each earlier year, and how much of it had come on the same day.
earlier_years as (
    select
        earlier.kpi_id,
        members.member_code,
        earlier.target_year,
        earlier.point,
        earlier.calendar_year,
        coalesce(sum(months.quantity order by months.month_number), 0) as total,
        coalesce(
            sum(
                months.quantity * case
                    when months.month_number < earlier.month_number then 1.0
                    when months.month_number = earlier.month_number then earlier.month_part
                    else 0.0
                end
                order by months.month_number
            ), 0
        ) as by_then,
        coalesce(sum(pow(months.quantity, 2) order by months.month_number), 0) as month_squares,
        coalesce(min(months.quantity), 0) as least_month,
        coalesce(sum(months.counted), 0) as record_count
    from earlier
    inner join members on earlier.kpi_id = members.kpi_id
    left join months
        on
            earlier.kpi_id = months.kpi_id
            and members.member_code = months.member_code
            and earlier.calendar_year = months.calendar_year
    group by
        earlier.kpi_id,
        members.member_code,
        earlier.target_year,
        earlier.point,
        earlier.calendar_year,
        earlier.month_number,
        earlier.month_part
),

-- The same month in the earlier years, so that seasons are not taken for noise.
season_months as (
    select
        earlier.kpi_id,
        months.member_code,
        earlier.target_year,
        earlier.point,
        months.month_number,
        sum(months.quantity order by months.calendar_year) as quantity
    from earlier
    inner join months on earlier.kpi_id = months.kpi_id and earlier.calendar_year = months.calendar_year
    group by earlier.kpi_id, months.member_code, earlier.target_year, earlier.point, months.month_number
),

seasons as (
    select
        kpi_id,
        member_code,
        target_year,
        point,
        sum(pow(quantity, 2) order by month_number) as season_squares
    from season_months
    group by kpi_id, member_code, target_year, point
),

planned as (
    select
        earlier_years.*,
        case when points.is_planned then coalesce(plans.open_count, 0) else 0 end as open_count
    from earlier_years
    inner join points
        on
            earlier_years.kpi_id = points.kpi_id
            and earlier_years.target_year = points.target_year
            and earlier_years.point = points.point
    left join plans
        on
            earlier_years.member_code = plans.member_code
            and earlier_years.calendar_year = plans.calendar_year
            and points.month_number = plans.month_number
            and points.month_day = plans.month_day
),

before as (
    select
        kpi_id,
        member_code,
        target_year,
        point,
        cast(count(*) as double) as years,
        sum(total order by calendar_year) as before_quantity,
        sum(pow(total, 2) order by calendar_year) as before_squares,
        sum(by_then order by calendar_year) as before_by_then,
        sum(month_squares order by calendar_year) as month_squares,
        min(least_month) as least_month,
        sum(record_count) as before_count,
        min(open_count) as least_open,
        cast(sum(open_count) as double) as before_open,
        cast(sum(pow(open_count, 2)) as double) as before_open_squares,
        sum(pow(total - by_then, 2) / nullif(open_count, 0) order by calendar_year) as rest_squares_by_open
    from planned
    group by kpi_id, member_code, target_year, point
),

weighed as (
    select
        before.*,
        so_far.so_far_quantity,
        so_far.so_far_numerator,
        so_far.mean_stock,
        so_far.so_far_count,
        points.elapsed,
        case when points.is_planned then coalesce(plans.open_count, 0) else 0 end as open_count,
        before.before_quantity - before.before_by_then as before_rest,
        -- How much of a year comes by then: ten records that lie evenly over the year are mixed in.
        case
            when before.before_quantity > 0 and before.least_month >= 0
                then
                    (
                        before.before_by_then / before.before_quantity * before.before_count
                        + 10 * points.elapsed
                    )
                    / (before.before_count + 10)
            else points.elapsed
        end as share_by_then,
        -- The variance of a year: its months around their season, and never less than that of a count.
        greatest(
            case
                when before.years = 1
                    then (before.month_squares - before.before_squares / 12) / 11 * 12
                else
                    (
                        before.month_squares
                        - before.before_squares / 12
                        - coalesce(seasons.season_squares, 0) / before.years
                        + pow(before.before_quantity, 2) / 12 / before.years
                    ) / (11 * (before.years - 1)) * 12
            end,
            (abs(before.before_quantity) + 0.5) / before.years
        ) as noise
    from before
    inner join points
        on
            before.kpi_id = points.kpi_id
            and before.target_year = points.target_year
            and before.point = points.point
    inner join so_far
        on
            before.kpi_id = so_far.kpi_id
            and before.member_code = so_far.member_code
            and before.target_year = so_far.target_year
            and before.point = so_far.point
    left join seasons
        on
            before.kpi_id = seasons.kpi_id
            and before.member_code = seasons.member_code
            and before.target_year = seasons.target_year
            and before.point = seasons.point
    left join plans
        on
            before.member_code = plans.member_code
            and points.target_year = plans.calendar_year
            and points.month_number = plans.month_number
            and points.month_day = plans.month_day
),

compared as (
    select
        *,
        -- A handful of open procurements tells nothing.
        least(open_count, least_open) >= 5 as by_plan,
        {{ drift(
            'years', 'before_squares', 'before_quantity', 'years', 'years', 'noise', 'before_quantity / years'
        ) }} as year_drift,
        -- What is planned is counted.
        (before_rest + 0.5) / nullif(before_open, 0) as open_noise,
        -- How far the pattern itself is known, from as many records as the earlier years' noise is worth.
        share_by_then * (1 - share_by_then) * noise * years
        / (pow(abs(before_quantity) + 0.5, 2)) as pattern_variance
    from weighed
),

spread as (
    select
        *,
        {{ rate_estimate(
            'so_far_quantity', 'share_by_then', 'before_quantity', 'years', 'noise', 'year_drift'
        ) }} as year_rate,
        {{ drift(
            'years', 'rest_squares_by_open', 'before_rest', 'before_open', 'before_open_squares', 'open_noise',
            'before_rest / nullif(before_open, 0)'
        ) }} as open_drift
    from compared
)

select
    kpi_id,
    member_code,
    target_year,
    point,
    by_plan,
    cast(years as bigint) as year_count,
    so_far_quantity,
    so_far_numerator,
    mean_stock,
    cast(so_far_count as bigint) as so_far_count,
    cast(before_count as bigint) as before_count,
    case when by_plan then open_count end as open_count,
    case
        when by_plan then open_count * before_rest / before_open
        else year_rate * (1 - share_by_then)
    end as rest_mean,
    case
        when by_plan
            then open_count * open_noise + pow(open_count, 2) * (open_noise / before_open + open_drift)
        else
            noise * (1 - share_by_then)
            + pow(1 - share_by_then, 2)
            / {{ rate_precision('share_by_then', 'years', 'noise', 'year_drift') }}
            + pow(year_rate, 2) * pattern_variance
    end as rest_variance
from spread
