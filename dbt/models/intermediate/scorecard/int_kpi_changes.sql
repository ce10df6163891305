-- Whether a figure has changed since the same period a year before, or only moved as chance moves it. One row per figure
-- that has a value in both. The interval of the change is recovered from the two figures' own, whatever their methods.
with
intervals as (select * from {{ ref('int_kpi_intervals') }}),

figures as (select * from {{ ref('int_kpi_figures') }}),

methods as (select * from {{ ref('int_kpi_methods') }}),

pairs as (
    select
        now.kpi_id,
        now.period_type,
        now.period,
        now.member_code,
        now.category_group,
        methods.direction,
        now.actual - before.actual as change,
        now.actual - before.actual - {{ recovered_distance(
            'now.actual - now.low', 'before.high - before.actual', 'now.correlation'
        ) }} as change_low,
        now.actual - before.actual + {{ recovered_distance(
            'now.high - now.actual', 'before.actual - before.low', 'now.correlation'
        ) }} as change_high,
        case
            when methods.method in ('count', 'rate') then now.weight + before.weight
            else least(now.weight, before.weight)
        end as weight,
        -- Without a share of its own a figure is covered by what was delivered.
        least(coalesce(figures.coverage, 1), coalesce(earlier.coverage, 1)) as coverage,
        figures.is_ended
    from intervals as now
    inner join methods on now.kpi_id = methods.kpi_id
    inner join intervals as before
        on
            now.kpi_id = before.kpi_id
            and now.period_type = before.period_type
            and {{ period_a_year_before('now.period') }} = before.period
            and now.member_code = before.member_code
            and now.category_group = before.category_group
    {% for name, side in [('figures', 'now'), ('earlier', 'before')] -%}
    inner join figures{{ ' as earlier' if name == 'earlier' }}
        on
            {{ side }}.kpi_id = {{ name }}.kpi_id
            and {{ side }}.period_type = {{ name }}.period_type
            and {{ side }}.period = {{ name }}.period
            and {{ side }}.member_code = {{ name }}.member_code
            and {{ side }}.category_group = {{ name }}.category_group
    {% endfor -%}
)

select
    kpi_id,
    period_type,
    period,
    member_code,
    category_group,
    change,
    change_low,
    change_high,
    case
        when direction not in ('up', 'down') then null
        when
            change_low is null
            or not is_ended
            or weight < {{ var('verdict_least_weight', 5) }}
            or coverage < {{ var('verdict_least_coverage', 0.5) }}
            then 'too_little_data'
        when change_low <= 0 and change_high >= 0 then 'no_clear_change'
        when (change > 0) = (direction = 'up') then 'improved'
        else 'worsened'
    end as change_verdict
from pairs
