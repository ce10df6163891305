{{ config(materialized='table') }}

with

procurements as (
    select * from {{ ref('int_procurements') }}
),

requirements as (
    select * from {{ ref('stg_requirements') }}
),

deliveries as (
    select * from {{ source('run', 'deliveries') }}
),

areas as (
    select
        listed.area,
        listed.is_environmental
    from (
        values
        ('environment_management', true),
        ('reuse', true),
        ('climate_transport', true),
        ('climate_other', true),
        ('chemicals', true),
        ('organic_food', true),
        ('local_food', true),
        ('plant_based_food', true),
        ('environment_other', true),
        ('employment', false),
        ('labour_terms', false),
        ('accessibility', false),
        ('gender_equality', false)
    ) as listed (area, is_environmental)
),

ranked as (
    select
        requirements.procurement_id,
        requirements.area,
        areas.is_environmental,
        case requirements.level
            when 'base' then 1
            when 'advanced' then 2
            when 'spearhead' then 3
        end as level_rank
    from requirements
    inner join areas on requirements.area = areas.area
),

-- Every area by itself, and the environment as a whole at the highest level of its areas.
stated as (
    select
        procurement_id,
        area,
        max(level_rank) as level_rank
    from ranked
    group by procurement_id, area
    union all
    select
        procurement_id,
        'any_environment' as area,
        max(level_rank) as level_rank
    from ranked
    where is_environmental
    group by procurement_id
),

asked as (
    select area from areas
    union all
    select 'any_environment' as area
),

register_delivered as (
    select coalesce(bool_or(is_register), false) as is_delivered
    from deliveries
    where source = 'requirements'
),

-- The register lists what was set, so that no row means none; a foreign format's silence is unknown.
answered as (
    select
        procurements.procurement_id,
        asked.area,
        case
            when stated.level_rank is not null then stated.level_rank
            when procurements.is_register and register_delivered.is_delivered then 0
        end as level_rank
    from procurements
    cross join asked
    cross join register_delivered
    left join stated on procurements.procurement_id = stated.procurement_id and asked.area = stated.area
)

select
    procurement_id,
    area,
    level_rank,
    case level_rank
        when 0 then 'none'
        when 1 then 'base'
        when 2 then 'advanced'
        when 3 then 'spearhead'
    end as level
from answered
