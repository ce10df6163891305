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
        listed.level_rank,
        listed.level
    from (values (0, 'none'), (1, 'base'), (2, 'advanced'), (3, 'spearhead')) as listed (level_rank, level)
),

areas as (
    select listed.area
    from (
        values
        ('environment_management'),
        ('reuse'),
        ('climate_transport'),
        ('climate_other'),
        ('chemicals'),
        ('organic_food'),
        ('local_food'),
        ('plant_based_food'),
        ('environment_other')
    ) as listed (area)
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
    inner join areas on requirements.area = areas.area
    inner join dimensions on procurements.procurement_id = dimensions.record_id
    where
        procurements.is_in_scope
        and procurements.announced_date is not null
        and requirements.level_rank is not null
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
),

-- Every period has every area and level over all members, so that absence is a row and never a gap.
asked as (
    select
        periods.period_type,
        periods.period,
        'ALL' as member_code,
        areas.area
    from periods
    cross join areas
    union
    select
        period_type,
        period,
        member_code,
        area
    from wholes
)

select
    asked.period_type,
    asked.period,
    asked.member_code,
    asked.area,
    levels.level,
    coalesce(placed.procurements, 0) as procurements,
    cast(coalesce(placed.procurements, 0) as double) / cast(wholes.announced_procurements as double) as share,
    cast(coalesce(wholes.announced_procurements, 0) as bigint) as announced_procurements,
    cast(coalesce(wholes.applicable_procurements, 0) as bigint) as applicable_procurements
from asked
cross join levels
left join wholes
    on
        asked.period_type = wholes.period_type
        and asked.period = wholes.period
        and asked.member_code = wholes.member_code
        and asked.area = wholes.area
left join placed
    on
        asked.period_type = placed.period_type
        and asked.period = placed.period
        and asked.member_code = placed.member_code
        and asked.area = placed.area
        and levels.level_rank = placed.level_rank
