-- Every forecast of a year's outcome: of the running year, and of the complete ones from their quarter ends.
-- One row per indicator, member and point. The interval is meant to hold four times of five.
{{ config(materialized='table') }}
{%- set z = forecast_z() %}
with
catalogue as (
    select
        catalogue.*,
        methods.method as interval_method
    from {{ ref('kpi_catalogue') }} as catalogue
    inner join {{ ref('int_kpi_methods') }} as methods on catalogue.kpi_id = methods.kpi_id
),

points as (select * from {{ ref('int_forecast_points') }}),

outcomes as (
    select
        kpi_id,
        member_code,
        cast(period as bigint) as calendar_year,
        actual,
        target_operator,
        target
    from {{ ref('kpi_values') }}
    where period_type = 'year' and category_group = 'ALL'
),

-- What the year is judged by; "decrease" is to be below the year before.
aims as (
    select
        outcomes.kpi_id,
        outcomes.member_code,
        outcomes.calendar_year,
        outcomes.actual,
        outcomes.target_operator,
        outcomes.target,
        if(outcomes.target_operator = 'decrease', '<', outcomes.target_operator) as comparison,
        if(outcomes.target_operator = 'decrease', earlier.actual, outcomes.target) as aim
    from outcomes
    left join outcomes as earlier
        on
            outcomes.kpi_id = earlier.kpi_id
            and outcomes.member_code = earlier.member_code
            and outcomes.calendar_year - 1 = earlier.calendar_year
),

growing as (
    select
        quantities.*,
        catalogue.unit,
        catalogue.unit = 'count' or catalogue.interval_method = 'rate' as is_whole,
        coalesce(quantities.mean_stock, 1.0) as held_against,
        -- No more members can be reached than there are.
        case
            when catalogue.record_kind = 'member' and quantities.member_code = 'ALL'
                then (select count(*) from {{ source('run', 'members') }})
            when catalogue.record_kind = 'member' then 1
        end as most,
        aims.comparison,
        aims.aim * coalesce(quantities.mean_stock, 1.0) - quantities.so_far_quantity as aim_of_rest
    from {{ ref('int_forecast_quantities') }} as quantities
    inner join catalogue on quantities.kpi_id = catalogue.kpi_id
    left join aims
        on
            quantities.kpi_id = aims.kpi_id
            and quantities.member_code = aims.member_code
            and quantities.target_year = aims.calendar_year
    where
        catalogue.aggregation in ('sum', 'count_distinct')
        or (catalogue.period_rule = 'mean_stock' and quantities.mean_stock > 0)
),

-- The rest of a count is a gamma variable rounded to whole numbers; of an amount, which may be negative, a normal one.
rests as (
    select
        *,
        case
            when is_whole
                then greatest(ceil({{ gamma_quantile('rest_mean', 'rest_variance', '-' ~ z) }} - 0.5), 0)
            when unit = 'sek' then rest_mean - {{ z }} * sqrt(rest_variance)
            else {{ gamma_quantile('rest_mean', 'rest_variance', '-' ~ z) }}
        end as rest_low,
        case
            when is_whole
                then greatest(ceil({{ gamma_quantile('rest_mean', 'rest_variance', z) }} - 0.5), 0)
            when unit = 'sek' then rest_mean + {{ z }} * sqrt(rest_variance)
            else {{ gamma_quantile('rest_mean', 'rest_variance', z) }}
        end as rest_high,
        -- Between the whole numbers that meet the aim and those that do not.
        case
            when not is_whole then aim_of_rest
            when comparison in ('>=', '<') then ceil(aim_of_rest - 1e-9) - 0.5
            else floor(aim_of_rest + 1e-9) + 0.5
        end as border
    from growing
),

sums as (
    select
        kpi_id,
        member_code,
        target_year,
        point,
        case when by_plan then 'sum_plan' else 'sum_pattern' end as method,
        year_count,
        so_far_count,
        before_count,
        open_count,
        least(so_far_quantity + rest_mean, most) / held_against as expected,
        least(so_far_quantity + rest_low, most) / held_against as low,
        least(so_far_quantity + rest_high, most) / held_against as high,
        case
            when border + so_far_quantity > most then 1.0
            when unit = 'sek' and rest_variance > 0
                then {{ normal_cdf('((border - rest_mean) / sqrt(rest_variance))') }}
            else {{ gamma_cdf('border', 'rest_mean', 'rest_variance') }}
        end as probability_below
    from rests
),

bounded as (
    select
        ratios.*,
        -- A share of records moves in steps; the interval reaches half a step further.
        case
            when catalogue.interval_method = 'share' then least(ratios.rest_mean, 1) / 2 / ratios.whole_z
            else 0.0
        end as half_step,
        case when catalogue.direction = 'near_zero' or catalogue.unit = 'sek' then null else 0.0 end
            as lowest,
        case when catalogue.direction <> 'near_zero' and catalogue.unit = 'share' then 1.0 end as highest,
        aims.comparison,
        aims.aim,
        case
            when catalogue.interval_method <> 'share' then aims.aim
            when aims.comparison in ('>=', '<')
                then (ceil(aims.aim * round(ratios.whole_z) - 1e-9) - 0.5) / ratios.whole_z
            else (floor(aims.aim * round(ratios.whole_z) + 1e-9) + 0.5) / ratios.whole_z
        end as border
    from {{ ref('int_forecast_ratios') }} as ratios
    inner join catalogue on ratios.kpi_id = catalogue.kpi_id
    left join aims
        on
            ratios.kpi_id = aims.kpi_id
            and ratios.member_code = aims.member_code
            and ratios.target_year = aims.calendar_year
),

ratios as (
    select
        kpi_id,
        member_code,
        target_year,
        point,
        case when by_plan then 'ratio_plan' else 'ratio_pattern' end as method,
        year_count,
        so_far_count,
        before_count,
        open_count,
        expected,
        greatest(expected - {{ z }} * deviation - half_step, lowest) as low,
        least(expected + {{ z }} * deviation + half_step, highest) as high,
        case
            when deviation = 0 then cast(expected < border as integer)
            when comparison = 'abs<'
                then
                    ({{ normal_cdf('((aim - expected) / deviation)') }})
                    - ({{ normal_cdf('((-aim - expected) / deviation)') }})
            else {{ normal_cdf('((border - expected) / deviation)') }}
        end as probability_below
    from bounded
),

median_ends as (
    select
        medians.kpi_id,
        medians.member_code,
        medians.target_year,
        medians.point,
        min(medians.record_value) filter (where medians.probability_at_most >= 0.5) as expected,
        min(medians.record_value) filter (where medians.probability_at_most >= 0.1) as low,
        min(medians.record_value) filter (where medians.probability_at_most >= 0.9) as high,
        coalesce(
            max(medians.probability_at_most) filter (
                where
                medians.record_value < aims.aim
                or (aims.comparison in ('>', '<=') and medians.record_value = aims.aim)
            ), 0.0
        ) as probability_below
    from {{ ref('int_forecast_medians') }} as medians
    left join aims
        on
            medians.kpi_id = aims.kpi_id
            and medians.member_code = aims.member_code
            and medians.target_year = aims.calendar_year
    group by medians.kpi_id, medians.member_code, medians.target_year, medians.point
),

medians as (
    select
        quantities.kpi_id,
        quantities.member_code,
        quantities.target_year,
        quantities.point,
        case when quantities.by_plan then 'median_plan' else 'median_pattern' end as method,
        quantities.year_count,
        quantities.so_far_count,
        quantities.before_count,
        quantities.open_count,
        median_ends.expected,
        median_ends.low,
        median_ends.high,
        median_ends.probability_below
    from median_ends
    inner join {{ ref('int_forecast_quantities') }} as quantities
        on
            median_ends.kpi_id = quantities.kpi_id
            and median_ends.member_code = quantities.member_code
            and median_ends.target_year = quantities.target_year
            and median_ends.point = quantities.point
),

forecasts as (
    select * from sums
    union all
    select * from ratios
    union all
    select * from medians
)

select
    forecasts.kpi_id,
    forecasts.member_code,
    forecasts.target_year,
    forecasts.point,
    forecasts.method,
    forecasts.year_count,
    forecasts.so_far_count,
    forecasts.before_count,
    forecasts.open_count,
    forecasts.expected,
    forecasts.low,
    forecasts.high,
    points.is_running,
    aims.actual,
    aims.target_operator,
    aims.target,
    case
        when aims.aim is null then null
        when aims.comparison in ('>=', '>') then 1 - forecasts.probability_below
        when aims.comparison in ('<=', '<', 'abs<') then forecasts.probability_below
    end as probability_of_target
from forecasts
inner join points
    on
        forecasts.kpi_id = points.kpi_id
        and forecasts.target_year = points.target_year
        and forecasts.point = points.point
left join aims
    on
        forecasts.kpi_id = aims.kpi_id
        and forecasts.member_code = aims.member_code
        and forecasts.target_year = aims.calendar_year
