with

procurements as (
    select * from {{ ref('int_procurements') }}
),

judged as (
    select
        procurements.procurement_id as record_id,
        procurements.completed_date as event_date,
        date_diff('day', procurements.tender_deadline, procurements.award_date) as value,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when procurements.tender_deadline is null or procurements.award_date is null then 'unknown:dates'
        end as exclusion
    from procurements
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
