-- How the running year is expected to end, with how well such forecasts have held. One row per indicator and member with
-- a basis; none where the year has ended, since its outcome is known.
with
forecasts as (
    select
        forecasts.*,
        forecasts.point as as_of,
        forecasts.method like '%_plan' as is_by_plan
    from {{ ref('int_forecasts') }} as forecasts
    where forecasts.is_running
),

trials as (
    select
        kpi_id,
        member_code,
        count(*) as trial_count,
        count(*) filter (where is_hit) as hit_count
    from {{ ref('kpi_forecast_backtest') }}
    group by kpi_id, member_code
)

select
    forecasts.kpi_id,
    cast(forecasts.target_year as varchar) as period,
    forecasts.member_code,
    forecasts.as_of,
    forecasts.actual as so_far,
    forecasts.expected,
    forecasts.low,
    forecasts.high,
    catalogue.unit,
    forecasts.target_operator,
    forecasts.target,
    forecasts.probability_of_target,
    forecasts.method,
    case
        when forecasts.is_by_plan then {{ forecast_basis('plan', 'sv') }}
        else {{ forecast_basis('pattern', 'sv') }}
    end as based_on_sv,
    case
        when forecasts.is_by_plan then {{ forecast_basis('plan', 'en') }}
        else {{ forecast_basis('pattern', 'en') }}
    end as based_on_en,
    forecasts.so_far_count + forecasts.before_count as basis_records,
    coalesce(trials.trial_count, 0) as backtest_forecasts,
    coalesce(trials.hit_count, 0) as backtest_hits,
    trials.hit_count / cast(trials.trial_count as double) as backtest_hit_rate
from forecasts
inner join {{ ref('kpi_catalogue') }} as catalogue on forecasts.kpi_id = catalogue.kpi_id
left join trials on forecasts.kpi_id = trials.kpi_id and forecasts.member_code = trials.member_code
