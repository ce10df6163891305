-- noqa: disable=LT02
-- Every figure's value and coverage, without target and status. One row per indicator, period, member and group that is
-- published: the whole for every period, members and groups where they have a basis.
{{ config(materialized='table') }}
with
catalogue as (select * from {{ ref('kpi_catalogue') }}),

periods as (select * from {{ ref('dim_period') }}),

every_measure as (select * from {{ ref('int_kpi_measures') }}),

measures as (
    select *
    from every_measure
    where actual is not null or unknown_weight > 0 or (member_code = 'ALL' and category_group = 'ALL')
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
)

select
    keys.kpi_id,
    keys.period_type,
    keys.period,
    periods.period_start,
    periods.period_end,
    periods.month_count,
    periods.is_ended,
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
    end as coverage
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
