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
            when procurements.bidders_contacted_date is null and not procurements.is_register
                then 'unknown:bidders_contacted'
            when procurements.bidders_contacted_date is null then 'not_met:not_contacted'
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
