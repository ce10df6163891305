with

procurements as (
    select * from {{ ref('int_procurements') }}
),

participation as (
    select * from {{ ref('int_procurement_participation') }}
),

competition as (
    select * from {{ ref('int_procurement_competition') }}
),

procurement_members as (
    select * from {{ ref('int_procurement_members') }}
),

member_lists as (
    select
        procurement_id,
        string_agg(member_code, ', ' order by member_code) as member_codes
    from procurement_members
    group by procurement_id
)

select
    procurements.procurement_id,
    procurements.title,
    procurements.category_code,
    procurements.category_group,
    procurements.is_food,
    procurements.procedure,
    procurements.works as is_works,
    procurements.above_threshold as is_above_threshold,
    procurements.is_in_scope,
    procurements.scope_exclusion,
    procurements.planned_completion_date,
    procurements.planned_coordinated as is_planned_coordinated,
    procurements.announced_date,
    procurements.tender_deadline as tender_deadline_date,
    procurements.award_date,
    procurements.completed_date,
    procurements.cancelled_date,
    procurements.cancellation_reason,
    member_lists.member_codes,
    participation.participant_count,
    participation.member_count,
    participation.members_known as is_members_known,
    participation.is_coordinated,
    competition.lot_count,
    competition.bid_count,
    procurements.reserved as is_reserved,
    procurements.questions_count,
    procurements.bidders_contacted_date,
    procurements.new_solution as is_new_solution,
    procurements.is_environment_applicable,
    procurements.environment_exemption_reason,
    procurements.review_applied_date,
    procurements.review_outcome,
    procurements.estimated_value as estimated_value_amount,
    procurements.coordination_hours,
    procurements.coordination_cost as coordination_cost_amount,
    procurements.coordination_deviation_code,
    procurements.coordination_deviation_reason,
    procurements.origin,
    procurements.source_file,
    procurements.source_row
from procurements
inner join participation on procurements.procurement_id = participation.procurement_id
inner join competition on procurements.procurement_id = competition.procurement_id
left join member_lists on procurements.procurement_id = member_lists.procurement_id
