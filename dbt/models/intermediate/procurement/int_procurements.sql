{{ config(materialized='table') }}

with

procurements as (
    select * from {{ ref('stg_procurements') }}
),

categories as (
    select * from {{ ref('int_categories') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
),

excluded_procedures as (
    select distinct procedure from {{ source('run', 'excluded_procedures') }}
),

-- What happens after the as-of date is not yet known; a cancelled procurement is not completed.
dated as (
    select
        procurements.procurement_id,
        case
            when procurements.planned_completion_date <= settings.as_of
                then procurements.planned_completion_date
        end as planned_completion_date,
        case
            when procurements.announced_date <= settings.as_of then procurements.announced_date
        end as announced_date,
        case when procurements.award_date <= settings.as_of then procurements.award_date end as award_date,
        case
            when
                procurements.completed_date <= settings.as_of
                and (procurements.cancelled_date is null or procurements.cancelled_date > settings.as_of)
                then procurements.completed_date
        end as completed_date,
        case
            when procurements.cancelled_date <= settings.as_of then procurements.cancelled_date
        end as cancelled_date,
        case
            when procurements.bidders_contacted_date <= settings.as_of
                then procurements.bidders_contacted_date
        end as bidders_contacted_date,
        case
            when procurements.review_applied_date <= settings.as_of then procurements.review_applied_date
        end as review_applied_date
    from procurements
    cross join settings
),

scoped as (
    select
        procurements.procurement_id,
        case
            when excluded_procedures.procedure is not null then 'out_of_scope:' || procurements.procedure
            when settings.exclude_works and procurements.works then 'out_of_scope:works'
        end as scope_exclusion
    from procurements
    cross join settings
    left join excluded_procedures on procurements.procedure = excluded_procedures.procedure
)

select
    procurements.procurement_id,
    procurements.title,
    procurements.category_code,
    categories.group_code as category_group,
    categories.is_food,
    procurements.procedure,
    procurements.works,
    procurements.above_threshold,
    scoped.scope_exclusion is null as is_in_scope,
    scoped.scope_exclusion,
    dated.planned_completion_date,
    procurements.planned_coordinated,
    dated.announced_date,
    procurements.tender_deadline,
    dated.award_date,
    dated.completed_date,
    dated.cancelled_date,
    dated.cancelled_date is not null as is_cancelled,
    procurements.cancellation_reason,
    coalesce(procurements.participants_complete, true) as participants_complete,
    procurements.reserved,
    procurements.questions_count,
    dated.bidders_contacted_date,
    procurements.new_solution,
    procurements.environment_applicable,
    procurements.environment_exemption_reason,
    -- A no without a reason is no exemption.
    coalesce(procurements.environment_applicable, true)
    or coalesce(trim(procurements.environment_exemption_reason), '') = '' as is_environment_applicable,
    dated.review_applied_date,
    procurements.review_outcome,
    procurements.estimated_value,
    procurements.coordination_hours,
    procurements.coordination_cost,
    procurements.coordination_deviation_code,
    procurements.coordination_deviation_reason,
    procurements.origin = 'register' as is_register,
    procurements.origin,
    procurements.source_file,
    procurements.source_sheet,
    procurements.source_row
from procurements
inner join dated on procurements.procurement_id = dated.procurement_id
inner join scoped on procurements.procurement_id = scoped.procurement_id
left join categories on procurements.category_code = categories.category_code
