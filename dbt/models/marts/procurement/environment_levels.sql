with

procurements as (
    select * from {{ ref('int_procurements') }}
),

requirements as (
    select * from {{ ref('int_procurement_requirements') }}
),

dimensions as (
    select * from {{ ref('int_record_dimensions') }} where record_kind = 'procurement'
),

periods as (
    select * from {{ ref('dim_period') }}
),

levels as (
    select
        level_rank,
        level
    from (values (0, 'none'), (1, 'base'), (2, 'advanced'), (3, 'spearhead')) as listed (level_rank, level)
),

-- Procurements whose requirements in the area are known, each at its highest level there.
known as (
    select
        procurements.announced_date,
        procurements.is_environment_applicable,
        dimensions.member_code,
        requirements.area,
        requirements.level_rank
    from procurements
    inner join requirements on procurements.procurement_id = requirements.procurement_id
    inner join dimensions on procurements.procurement_id = dimensions.record_id
    where
        procurements.is_in_scope
        and procurements.announced_date is not null
        and requirements.level_rank is not null
        and requirements.area in (
            'environment_management', 'reuse', 'climate_transport', 'climate_other', 'chemicals',
            'organic_food', 'local_food', 'plant_based_food', 'environment_other'
        )
),

placed as (
    select
        periods.period_type,
        periods.period,
        known.member_code,
        known.area,
        known.level_rank,
        count(*) as procurements,
        count(*) filter (where known.is_environment_applicable) as applicable_procurements
    from known
    inner join periods on known.announced_date between periods.period_start and periods.period_end
    group by periods.period_type, periods.period, known.member_code, known.area, known.level_rank
),

wholes as (
    select
        period_type,
        period,
        member_code,
        area,
        sum(procurements) as announced_procurements,
        sum(applicable_procurements) as applicable_procurements
    from placed
    group by period_type, period, member_code, area
)

select
    wholes.period_type,
    wholes.period,
    wholes.member_code,
    wholes.area,
    levels.level,
    coalesce(placed.procurements, 0) as procurements,
    cast(coalesce(placed.procurements, 0) as double) / cast(wholes.announced_procurements as double) as share,
    cast(wholes.announced_procurements as bigint) as announced_procurements,
    cast(wholes.applicable_procurements as bigint) as applicable_procurements
from wholes
cross join levels
left join placed
    on
        wholes.period_type = placed.period_type
        and wholes.period = placed.period
        and wholes.member_code = placed.member_code
        and wholes.area = placed.area
        and levels.level_rank = placed.level_rank
