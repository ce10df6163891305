with

procurements as (
    select * from {{ ref('int_procurements') }}
),

participation as (
    select * from {{ ref('int_procurement_participation') }}
),

judged as (
    select
        procurements.procurement_id as record_id,
        procurements.completed_date as event_date,
        cast(participation.member_count = 1 as integer) as value,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when procurements.planned_coordinated is null then 'unknown:planned_coordinated'
            when not procurements.planned_coordinated then 'not_applicable:not_planned_coordinated'
            when not participation.members_known then 'unknown:members'
        end as exclusion
    from procurements
    left join participation on procurements.procurement_id = participation.procurement_id
    where procurements.completed_date is not null
)

select
    record_id,
    event_date,
    case when exclusion is null then value end as numerator,
    case when exclusion is null then 1 end as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
