with

procurements as (
    select * from {{ ref('int_procurements') }}
),

judged as (
    select
        procurements.procurement_id as record_id,
        procurements.completed_date as event_date,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when procurements.reserved is null then 'unknown:reserved'
            when not procurements.reserved then 'not_met:not_reserved'
        end as exclusion
    from procurements
    where procurements.completed_date is not null
)

select
    record_id,
    event_date,
    case when exclusion is null then 1 end as numerator,
    cast(null as integer) as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
