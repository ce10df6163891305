with

procurements as (
    select * from {{ ref('dim_procurement') }}
),

categories as (
    select * from {{ ref('int_categories') }}
),

potential as (
    select * from {{ ref('coordination_potential') }}
)

select
    procurements.procurement_id,
    procurements.title,
    procurements.category_group,
    procurements.category_code,
    categories.category_name,
    procurements.member_codes,
    procurements.planned_completion_date,
    procurements.completed_date,
    procurements.estimated_value_amount,
    procurements.coordination_deviation_code,
    procurements.coordination_deviation_reason,
    coalesce(
        trim(procurements.coordination_deviation_code) <> ''
        or trim(procurements.coordination_deviation_reason) <> '', false
    ) as has_reason,
    potential.members as potential_members,
    potential.member_codes as potential_member_codes,
    potential.next_common_date,
    procurements.source_file,
    procurements.source_row
from procurements
left join categories on procurements.category_code = categories.category_code
left join potential on procurements.category_code = potential.category_code
where
    procurements.is_in_scope
    and procurements.completed_date is not null
    and procurements.is_planned_coordinated
    and procurements.is_members_known
    and procurements.member_count = 1
order by procurements.completed_date, procurements.procurement_id
