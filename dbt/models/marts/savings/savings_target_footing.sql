{% set least_records = 10 %}
{% set years_back = 3 %}
-- What earlier years and the plan make reachable. Every figure is a sum or a mean over procurements; a procurement whose
-- saving cannot be computed adds nothing to a sum, in the past as in the future.
with

settings as (
    select * from {{ source('run', 'settings') }}
),

targets as (
    select
        targets.plan_id,
        targets.kpi_id,
        targets.operator as target_operator,
        cast(targets.target_value as double) as target,
        unnest(generate_series(
            year(targets.valid_from),
            least(coalesce(year(targets.valid_to), year(settings.as_of) + 1), year(settings.as_of) + 1)
        )) as year
    from {{ ref('stg_targets') }} as targets
    inner join settings on targets.organisation = settings.organisation
    where
        targets.kpi_id in (
            'enabled_savings',
            'net_coordination_benefit',
            'savings_coverage',
            'coordinated_share',
            'coordinated_count',
            'missed_coordination_share'
        )
        and targets.target_value is not null
        and targets.member_code is null
        and targets.operator in ('>=', '>', '<=', '<')
),

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

records as (
    select
        evidence.kpi_id,
        year(evidence.event_date) as year,
        -- What is not known adds nothing to a sum and is no part of a share.
        cast(
            case
                when catalogue.aggregation = 'ratio' then evidence.numerator
                else coalesce(evidence.numerator, 0)
            end as double
        ) as value
    from {{ ref('int_evidence') }} as evidence
    inner join catalogue on evidence.kpi_id = catalogue.kpi_id
    where
        evidence.member_code = 'ALL'
        and (
            evidence.exclusion is null
            or (catalogue.aggregation <> 'ratio' and evidence.known_weight + evidence.unknown_weight > 0)
        )
),

-- The plan of a year, as far as it is registered; days after the as-of date are part of it.
planned as (
    select
        year(procurements.planned_completion_date) as year,
        count(*) as procurements,
        count(*) filter (where procurements.planned_coordinated) as coordinated
    from {{ ref('stg_procurements') }} as procurements
    inner join {{ ref('int_procurements') }} as known on procurements.procurement_id = known.procurement_id
    where known.is_in_scope and procurements.planned_completion_date is not null
    group by year(procurements.planned_completion_date)
),

coverage as (
    select
        year,
        cast(sum(value) as double) / count(*) as share
    from records
    where kpi_id = 'savings_coverage'
    group by year
),

history as (
    select
        targets.plan_id,
        targets.kpi_id,
        targets.year,
        count(distinct records.year) as years,
        count(*) as records,
        cast(sum({{ exact('records.value') }}) as double) / count(*) as mean,
        cast(sum({{ exact('pow(records.value / 1e3, 2)') }}) as double) * 1e6 / count(*) as square
    from targets
    inner join records
        on
            targets.kpi_id = records.kpi_id
            and records.year between targets.year - {{ years_back }} and targets.year - 1
    group by targets.plan_id, targets.kpi_id, targets.year
),

-- As many as the plan has; where it has none, or the figure is over another population, as many as in an earlier year.
sized as (
    select
        targets.*,
        catalogue.aggregation,
        history.years as history_years,
        history.records as history_records,
        history.mean,
        greatest(history.square - pow(history.mean, 2), 0) as variance,
        planned.procurements as planned_procurements,
        planned.coordinated as planned_coordinated_procurements,
        case
            when targets.kpi_id = 'missed_coordination_share' and planned.coordinated > 0
                then planned.coordinated
            when
                targets.kpi_id not in ('missed_coordination_share', 'net_coordination_benefit')
                and planned.procurements >= history.records / history.years / 2
                then planned.procurements
            else history.records / history.years
        end as size,
        coverage.share as computed_share
    from targets
    inner join catalogue on targets.kpi_id = catalogue.kpi_id
    left join history
        on
            targets.plan_id = history.plan_id
            and targets.kpi_id = history.kpi_id
            and targets.year = history.year
    left join planned on targets.year = planned.year
    left join coverage on targets.year - 1 = coverage.year
),

expected as (
    select
        *,
        case when aggregation = 'ratio' then mean else mean * size end as expected,
        {{ interval_z() }} * sqrt(variance * (1 / size + 1.0 / history_records))
        * case when aggregation = 'ratio' then 1 else size end as margin
    from sized
)

select
    kpi_id,
    plan_id,
    cast(year as varchar) as year,
    target_operator,
    target,
    coalesce(history_years, 0) as history_years,
    coalesce(history_records, 0) as history_records,
    planned_procurements,
    planned_coordinated_procurements,
    round(computed_share, 6) as computed_share,
    case when history_records >= {{ least_records }} then round(expected, 6) end as expected,
    case when history_records >= {{ least_records }} then round(expected - margin, 6) end as low,
    case when history_records >= {{ least_records }} then round(expected + margin, 6) end as high,
    case
        when coalesce(history_records, 0) < {{ least_records }} then 'no_footing'
        when target_operator in ('>=', '>') and target > expected + margin then 'out_of_reach'
        when target_operator in ('>=', '>') and target < expected - margin then 'too_low'
        when target_operator in ('<=', '<') and target < expected - margin then 'out_of_reach'
        when target_operator in ('<=', '<') and target > expected + margin then 'too_low'
        else 'within_reach'
    end as verdict
from expected
order by kpi_id, plan_id, year
