with

requirements as (
    select * from {{ ref('stg_requirements') }}
),

procurements as (
    select * from {{ ref('int_procurements') }}
)

select
    requirements.procurement_id,
    requirements.area,
    requirements.level,
    case requirements.level
        when 'base' then 1
        when 'advanced' then 2
        when 'spearhead' then 3
    end as level_rank,
    requirements.area not in (
        'employment', 'labour_terms', 'accessibility', 'gender_equality'
    ) as is_environmental,
    procurements.announced_date,
    procurements.is_in_scope,
    requirements.source_file,
    requirements.source_row
from requirements
inner join procurements on requirements.procurement_id = procurements.procurement_id
