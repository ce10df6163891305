{{ config(materialized='table') }}

with

procurements as (
    select * from {{ ref('int_procurements') }}
),

participants as (
    select * from {{ ref('stg_participants') }}
),

procurement_members as (
    select * from {{ ref('int_procurement_members') }}
),

participant_counts as (
    select
        procurement_id,
        count(*) as participant_count
    from participants
    group by procurement_id
),

member_counts as (
    select
        procurement_id,
        count(*) as member_count
    from procurement_members
    group by procurement_id
),

counted as (
    select
        procurements.procurement_id,
        coalesce(participant_counts.participant_count, 0) as participant_count,
        coalesce(member_counts.member_count, 0) as member_count,
        participant_counts.participant_count is not null
        and procurements.participants_complete as members_known
    from procurements
    left join participant_counts on procurements.procurement_id = participant_counts.procurement_id
    left join member_counts on procurements.procurement_id = member_counts.procurement_id
)

select
    procurement_id,
    participant_count,
    member_count,
    members_known,
    case when members_known then member_count >= 2 end as is_coordinated
from counted
