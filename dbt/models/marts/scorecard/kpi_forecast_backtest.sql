-- What would have been forecast of the complete years from their quarter ends, beside what came.
-- One row per indicator, member, year and day of forecast.
select
    kpi_id,
    cast(target_year as varchar) as period,
    member_code,
    point as as_of,
    method,
    expected,
    low,
    high,
    coalesce(actual, 0.0) as outcome,
    -- A hair for what two ways of adding give.
    coalesce(actual, 0.0) between low - 1e-9 * abs(low) and high + 1e-9 * abs(high) as is_hit
from {{ ref('int_forecasts') }}
where
    not is_running
    -- What was never seen of a sum did not happen; a ratio without a basis has no outcome.
    and (actual is not null or method in ('sum_pattern', 'sum_plan'))
