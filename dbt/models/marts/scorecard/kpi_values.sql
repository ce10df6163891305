-- noqa: disable=LT02
-- Every figure, with its target and status. One row per indicator, period, member and group that is published.
{% set judged_on_year -%}
    (catalogue.aggregation in ('sum', 'count_distinct') or catalogue.kpi_id = 'training_hours_per_employee')
{%- endset %}
with
catalogue as (select * from {{ ref('kpi_catalogue') }}),

periods as (select * from {{ ref('dim_period') }}),

every_measure as (select * from {{ ref('int_kpi_measures') }}),

-- Members and groups are published where they have a basis, the whole always.
measures as (
    select *
    from every_measure
    where actual is not null or unknown_weight > 0 or (member_code = 'ALL' and category_group = 'ALL')
),

targets as (
    select targets.*
    from {{ ref('stg_targets') }} as targets
    inner join {{ source('run', 'settings') }} as settings on targets.organisation = settings.organisation
),

-- Every indicator for every period, so that absence is a row and never a gap.
wholes as (
    select
        catalogue.kpi_id,
        periods.period_type,
        periods.period,
        'ALL' as member_code,
        'ALL' as category_group
    from catalogue
    cross join periods
),

keys as (
    select * from wholes
    union
    select
        kpi_id,
        period_type,
        period,
        member_code,
        category_group
    from measures
),

figures as (
    select
        keys.kpi_id,
        keys.period_type,
        keys.period,
        periods.period_start,
        periods.period_end,
        keys.member_code,
        keys.category_group,
        -- Nothing happened: a count of events is 0 where its source was delivered and nothing is unknown.
        case
            when catalogue.is_event_count and catalogue.is_live and coalesce(measures.unknown_weight, 0) = 0
                then coalesce(measures.numerator, 0)
            else measures.numerator
        end as numerator,
        measures.denominator,
        case
            when catalogue.is_event_count and catalogue.is_live and coalesce(measures.unknown_weight, 0) = 0
                then coalesce(measures.actual, 0.0)
            else measures.actual
        end as actual,
        case
            when covering.known_weight + covering.unknown_weight > 0
                then
                    cast(covering.known_weight as double)
                    / cast(covering.known_weight + covering.unknown_weight as double)
                    -- Rows lost to quarantine beyond the tolerance are part of what is not known.
                    * catalogue.accepted_share
        end as coverage,
        catalogue.unit,
        catalogue.aggregation,
        catalogue.is_live,
        periods.month_count,
        case
            when keys.category_group <> 'ALL' then false
            when catalogue.kpi_id = 'bidder_survey_procurements' then keys.period_type = 'quarter'
            when {{ judged_on_year }} then keys.period_type in ('year', 'ytd')
            else true
        end as is_judged,
        keys.member_code = 'ALL'
        or (not {{ judged_on_year }}) as takes_common_target,
        {{ judged_on_year }} and keys.period_type = 'ytd' and catalogue.kpi_id <> 'bidder_survey_procurements'
            as is_pro_rata
    from keys
    inner join catalogue on keys.kpi_id = catalogue.kpi_id
    inner join periods on keys.period_type = periods.period_type and keys.period = periods.period
    left join measures
        on
            keys.kpi_id = measures.kpi_id
            and keys.period_type = measures.period_type
            and keys.period = measures.period
            and keys.member_code = measures.member_code
            and keys.category_group = measures.category_group
    left join every_measure as covering
        on
            coalesce(catalogue.coverage_like, keys.kpi_id) = covering.kpi_id
            and keys.period_type = covering.period_type
            and keys.period = covering.period
            and keys.member_code = covering.member_code
            and keys.category_group = covering.category_group
),

-- A member's own target before the common one.
aimed as (
    select
        figures.*,
        coalesce(own.operator, common.operator) as operator,
        case when own.operator is not null then own.plan_id else common.plan_id end as plan_id,
        cast(case when own.operator is not null then own.target_value else common.target_value end as double)
        * case when figures.is_pro_rata then figures.month_count / 12.0 else 1.0 end as target,
        earlier.actual as earlier
    from figures
    left join targets as own
        on
            figures.is_judged
            and figures.kpi_id = own.kpi_id
            and figures.member_code = own.member_code
            and figures.period_end between own.valid_from and coalesce(own.valid_to, date '9999-12-31')
    left join targets as common
        on
            figures.is_judged
            and figures.takes_common_target
            and figures.kpi_id = common.kpi_id
            and common.member_code is null
            and figures.period_end between common.valid_from and coalesce(common.valid_to, date '9999-12-31')
    left join figures as earlier
        on
            figures.kpi_id = earlier.kpi_id
            and figures.period_type = earlier.period_type
            and figures.member_code = earlier.member_code
            and figures.category_group = earlier.category_group
            and cast(left(figures.period, 4) as bigint) - 1 = cast(left(earlier.period, 4) as bigint)
            and substr(figures.period, 5) = substr(earlier.period, 5)
)

select
    kpi_id,
    period_type,
    period,
    period_start,
    period_end,
    member_code,
    category_group,
    cast(numerator as double) as numerator,
    cast(denominator as double) as denominator,
    actual,
    cast(null as double) as low,
    cast(null as double) as high,
    unit,
    operator as target_operator,
    target,
    plan_id,
    case
        when actual is null then 'no_data'
        when operator is null then 'no_target'
        when operator = 'baseline' then 'baseline'
        when operator = 'measure' then 'measured'
        when operator = 'decrease' and earlier is null then 'baseline'
        when
            (operator = 'decrease' and actual < earlier)
            or (operator = '>=' and actual >= target)
            or (operator = '>' and actual > target)
            or (operator = '<=' and actual <= target)
            or (operator = '<' and actual < target)
            or (operator = 'abs<' and abs(actual) < target)
            then 'met'
        else 'not_met'
    end as status,
    coverage,
    actual - earlier as change,
    cast(null as double) as change_low,
    cast(null as double) as change_high,
    cast(null as varchar) as change_verdict,
    cast(null as varchar) as target_verdict
from aimed
