-- Ratios at the end of the year, from what is kept of this year, what is still to come, and the rate of the latter.
-- One row per indicator, member and point.
--   kept_*: what stays in the year's figure. seen_*: what tells of this year's rate. rest_*: what is still to come of the
--   denominator. What is planned has its rate among the procurements still open; of a state as much is renewed as is left
--   of the year, since it looks twelve months back.
{{ config(materialized='table') }}
with
catalogue as (
    select
        catalogue.kpi_id,
        catalogue.period_rule,
        catalogue.unit,
        methods.method = 'share' as is_share
    from {{ ref('kpi_catalogue') }} as catalogue
    inner join {{ ref('int_kpi_methods') }} as methods on catalogue.kpi_id = methods.kpi_id
    where catalogue.aggregation = 'ratio' and catalogue.period_rule is distinct from 'mean_stock'
),

points as (
    select
        points.*,
        cast(day(points.point) as bigint) as month_day,
        catalogue.period_rule
    from {{ ref('int_forecast_points') }} as points
    inner join catalogue on points.kpi_id = catalogue.kpi_id
),

plans as (select * from {{ ref('int_forecast_plan') }}),

states as (
    select
        records.kpi_id,
        records.member_code,
        records.counts_from,
        records.counts_until,
        cast(records.numerator as double) as numerator,
        cast(records.denominator as double) as denominator
    from {{ ref('int_kpi_records') }} as records
    inner join catalogue on records.kpi_id = catalogue.kpi_id and catalogue.period_rule = 'in_force_at_end'
    where records.category_group = 'ALL' and records.is_counted
),

presents as (
    select
        kpi_id,
        member_code,
        target_year,
        point,
        by_plan,
        so_far_numerator as kept_x,
        so_far_quantity as kept_z,
        so_far_numerator as seen_x,
        so_far_quantity as seen_z,
        -- Where credits outweigh purchases nothing is taken to come.
        greatest(rest_mean, 0) as rest_mean,
        rest_variance,
        so_far_count,
        open_count
    from {{ ref('int_forecast_quantities') }}
    where kpi_id in (select catalogue.kpi_id from catalogue) and so_far_quantity > 0
    union all
    select
        points.kpi_id,
        plans.member_code,
        points.target_year,
        points.point,
        true as by_plan,
        plans.done_count as kept_x,
        plans.planned_count - plans.open_count as kept_z,
        0 as seen_x,
        0 as seen_z,
        plans.open_count as rest_mean,
        0 as rest_variance,
        plans.done_count as so_far_count,
        plans.open_count
    from points
    inner join plans
        on
            points.target_year = plans.calendar_year
            and points.month_number = plans.month_number
            and points.month_day = plans.month_day
    where points.period_rule = 'stock_at_end'
    union all
    select
        points.kpi_id,
        states.member_code,
        points.target_year,
        points.point,
        false as by_plan,
        sum(states.numerator) * points.elapsed as kept_x,
        sum(states.denominator) * points.elapsed as kept_z,
        sum(states.numerator) as seen_x,
        sum(states.denominator) as seen_z,
        sum(states.denominator) * (1 - points.elapsed) as rest_mean,
        0 as rest_variance,
        count(*) as so_far_count,
        null as open_count
    from points
    inner join states
        on points.kpi_id = states.kpi_id and points.point between states.counts_from and states.counts_until
    where points.period_rule = 'in_force_at_end'
    group by points.kpi_id, states.member_code, points.target_year, points.point, points.elapsed
),

earlier as (
    select
        * exclude (earlier_years),
        unnest(earlier_years) as calendar_year
    from points
),

year_ratios as (
    select
        kpi_id,
        member_code,
        calendar_year,
        sum(numerator order by month_number) as x,
        sum(quantity order by month_number) as z,
        sum(pow(numerator, 2) order by month_number) as xx,
        sum(numerator * quantity order by month_number) as xz,
        sum(pow(quantity, 2) order by month_number) as zz,
        count(*) filter (where quantity <> 0) as month_count,
        sum(counted) as record_count
    from {{ ref('int_forecast_months') }}
    group by kpi_id, member_code, calendar_year
),

pasts as (
    select
        earlier.kpi_id,
        year_ratios.member_code,
        earlier.target_year,
        earlier.point,
        earlier.calendar_year,
        year_ratios.x,
        year_ratios.z,
        -- How the months lie around their own year.
        year_ratios.xx
        - 2 * year_ratios.x / year_ratios.z * year_ratios.xz
        + pow(year_ratios.x / year_ratios.z, 2) * year_ratios.zz as month_squares,
        year_ratios.month_count,
        year_ratios.record_count
    from earlier
    inner join year_ratios
        on earlier.kpi_id = year_ratios.kpi_id and earlier.calendar_year = year_ratios.calendar_year
    where earlier.period_rule is null and year_ratios.z > 0
    union all
    select
        earlier.kpi_id,
        plans.member_code,
        earlier.target_year,
        earlier.point,
        earlier.calendar_year,
        plans.done_later_count as x,
        plans.open_count as z,
        null as month_squares,
        0 as month_count,
        plans.planned_count as record_count
    from earlier
    inner join plans
        on
            earlier.calendar_year = plans.calendar_year
            and earlier.month_number = plans.month_number
            and earlier.month_day = plans.month_day
    where earlier.period_rule = 'stock_at_end' and plans.open_count > 0
    union all
    select
        earlier.kpi_id,
        states.member_code,
        earlier.target_year,
        earlier.point,
        earlier.calendar_year,
        sum(states.numerator) as x,
        sum(states.denominator) as z,
        null as month_squares,
        0 as month_count,
        count(*) as record_count
    from earlier
    inner join states
        on
            earlier.kpi_id = states.kpi_id
            and make_date(earlier.calendar_year, 12, 31) between states.counts_from and states.counts_until
    where earlier.period_rule = 'in_force_at_end'
    group by earlier.kpi_id, states.member_code, earlier.target_year, earlier.point, earlier.calendar_year
),

before as (
    select
        kpi_id,
        member_code,
        target_year,
        point,
        cast(count(*) as double) as years,
        cast(sum(x order by calendar_year) as double) as before_x,
        cast(sum(z order by calendar_year) as double) as before_z,
        cast(sum(pow(z, 2) order by calendar_year) as double) as before_zz,
        cast(sum(pow(x, 2) / z order by calendar_year) as double) as x2_by_z,
        cast(sum(month_squares order by calendar_year) as double) as month_squares,
        cast(sum(month_count) as double) as month_count,
        cast(sum(record_count) as bigint) as before_count
    from pasts
    group by kpi_id, member_code, target_year, point
),

rates as (
    select
        presents.*,
        before.years,
        before.before_x,
        before.before_z,
        before.before_zz,
        before.x2_by_z,
        before.month_squares,
        before.month_count,
        before.before_count,
        catalogue.unit,
        catalogue.is_share,
        (presents.seen_x + before.before_x + 0.5) / (presents.seen_z + before.before_z + 1) as near_rate
    from presents
    inner join before
        on
            presents.kpi_id = before.kpi_id
            and presents.member_code = before.member_code
            and presents.target_year = before.target_year
            and presents.point = before.point
    inner join catalogue on presents.kpi_id = catalogue.kpi_id
),

noisy as (
    select
        *,
        -- The variance of one unit of the denominator: of a share never less than that of its records.
        greatest(
            coalesce(month_squares / nullif(month_count - years, 0) * month_count / before_z, 0),
            case
                when is_share or (unit = 'share' and month_count <= years)
                    then near_rate * (1 - near_rate)
                when month_count <= years then pow(before_x / before_z, 2)
                else 0
            end,
            1e-9
        ) as noise,
        case
            when unit = 'share' then sqrt(abs(near_rate * (1 - near_rate)))
            else abs(before_x / before_z)
        end as scale
    from rates
),

drifting as (
    select
        *,
        {{ drift('years', 'x2_by_z', 'before_x', 'before_z', 'before_zz', 'noise', 'scale') }} as rate_drift
    from noisy
),

estimated as (
    select
        *,
        {{ rate_estimate('seen_x', 'seen_z', 'before_x', 'before_z', 'noise', 'rate_drift') }} as rate,
        1 / {{ rate_precision('seen_z', 'before_z', 'noise', 'rate_drift') }} as rate_variance,
        kept_z + rest_mean as whole_z
    from drifting
)

select
    kpi_id,
    member_code,
    target_year,
    point,
    by_plan,
    cast(years as bigint) as year_count,
    cast(so_far_count as bigint) as so_far_count,
    before_count,
    cast(open_count as bigint) as open_count,
    rest_mean,
    rate,
    kept_x,
    kept_z,
    whole_z,
    (kept_x + rate * rest_mean) / whole_z as expected,
    sqrt(
        (rest_mean * noise + pow(rest_mean, 2) * rate_variance) / pow(whole_z, 2)
        + pow((rate * kept_z - kept_x) / pow(whole_z, 2), 2) * rest_variance
    ) as deviation
from estimated
where whole_z > 0
