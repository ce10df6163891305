-- The methods' expressions are laid out for reading, not for the SQL that they unroll to.
-- noqa: disable=LT02, LT05
-- Between which values a figure would lie had chance fallen otherwise, by the method that suits it. One row per figure
-- with a value. `weight` is what it rests on: even clusters, or events. Without an interval low and high are NULL.
{{ config(materialized='table') }}
with
methods as (select * from {{ ref('int_kpi_methods') }}),

-- Of how many procurements the surveyed ones were drawn: those completed in the period.
completed as (
    select
        period_type,
        period,
        member_code,
        category_group,
        cast(known_weight + unknown_weight as double) as procurements
    from {{ ref('int_kpi_measures') }}
    where kpi_id = 'coordinated_share' and known_weight + unknown_weight > 0
),

figures as (
    select
        figures.kpi_id,
        figures.period_type,
        figures.period,
        figures.member_code,
        figures.category_group,
        methods.method,
        figures.actual,
        cast(figures.numerator as double) as numerator,
        cast(figures.denominator as double) as denominator,
        spread.clusters,
        case methods.method
            when 'median' then medians.even_clusters
            -- Events are worth less than their number where they come several at a time.
            when 'count'
                then coalesce(pow(figures.actual, 2) / nullif(spread.error_squares, 0), figures.actual)
            when 'amount' then coalesce(pow(figures.actual, 2) / nullif(spread.error_squares, 0), 0)
            when 'rate' then cast(figures.numerator as double)
            when 'estimate' then cast(estimates.reviewed_lines as double)
            else spread.even_clusters
        end as weight,
        spread.error_squares,
        spread.answer_squares,
        case
            when figures.kpi_id = 'bidder_satisfaction_index'
                then coalesce(least(spread.clusters / completed.procurements, 1), 0)
            else 0
        end as surveyed_share,
        coalesce(spread.correlation, 0) as correlation,
        coalesce(bootstrap.low, medians.low) as resampled_low,
        coalesce(bootstrap.high, medians.high) as resampled_high,
        estimates.wild_share_low as sampled_low,
        estimates.wild_share_high as sampled_high
    from {{ ref('int_kpi_figures') }} as figures
    inner join methods on figures.kpi_id = methods.kpi_id
    {% for relation, name in [
        (ref('int_kpi_spread'), 'spread'), (ref('int_kpi_bootstrap'), 'bootstrap'), (ref('int_kpi_medians'), 'medians')
    ] -%}
    left join {{ relation }} as {{ name }}
        on
            figures.kpi_id = {{ name }}.kpi_id
            and figures.period_type = {{ name }}.period_type
            and figures.period = {{ name }}.period
            and figures.member_code = {{ name }}.member_code
            and figures.category_group = {{ name }}.category_group
    {% endfor -%}
    left join completed
        on
            figures.period_type = completed.period_type
            and figures.period = completed.period
            and figures.member_code = completed.member_code
            and figures.category_group = completed.category_group
    left join {{ ref('invoice_sample_estimate') }} as estimates
        on
            methods.method = 'estimate'
            and estimates.is_published
            and figures.period_start = estimates.period_start
            and figures.period_end = estimates.period_end
            and figures.member_code = estimates.member_code
    where figures.actual is not null
),

-- Two stages: which procurements were drawn, of which none is left to chance once all are, and who answered in each.
varied as (
    select
        *,
        case
            when method = 'survey' and clusters > 1
                then
                    (1 - surveyed_share) * error_squares * clusters / (clusters - 1)
                    + surveyed_share * answer_squares
            when method = 'ratio' and clusters > 1 then error_squares * clusters / (clusters - 1)
            else error_squares
        end as variance
    from figures
),

-- How many independent records a share is worth: as many as would give the variance that its clusters give.
worth as (
    select
        *,
        case
            when method = 'survey' and variance > 0 and actual > 0 and actual < 1
                then actual * (1 - actual) / variance * pow({{ interval_z() }} / {{ t_quantile('(clusters - 1)') }}, 2)
            when method = 'share' and variance > 0 and actual > 0 and actual < 1
                then
                    least(denominator, actual * (1 - actual) / variance)
                    * least(pow({{ t_quantile('(denominator - 1)') }} / {{ t_quantile('(clusters - 1)') }}, 2), 1)
            when method in ('survey', 'share') then weight
        end as records
    from varied
)

select
    kpi_id,
    period_type,
    period,
    member_code,
    category_group,
    method,
    actual,
    weight,
    correlation,
    {% for end, sign in [('low', '-'), ('high', '+')] -%}
    case method
        when 'share' then {{ wilson('actual', 'records', sign) }}
        when 'survey' then {{ wilson('actual', 'records', sign) }}
        when 'count' then {{ poisson_score('weight', sign) }} * case when weight > 0 then actual / weight else 1 end
        when 'rate' then {{ poisson_score('numerator', sign) }} / denominator
        when 'amount' then actual {{ sign }} {{ t_quantile('(clusters - 1)') }} * sqrt(error_squares)
        when 'ratio'
            then case when clusters > 1 then actual {{ sign }} {{ t_quantile('(weight - 1)') }} * sqrt(variance) end
        -- A small sample's replicates lie too close together.
        when 'mean'
            then
                actual + (resampled_{{ end }} - actual)
                * {{ t_quantile('(weight - 1)') }} / {{ interval_z() }} * sqrt(clusters / greatest(clusters - 1, 1))
        when 'median' then resampled_{{ end }}
        when 'estimate' then sampled_{{ end }}
    end as {{ end }}{{ ',' if end == 'low' }}
    {% endfor -%}
from worth
