with

procurements as (
    select * from {{ ref('int_procurements') }}
),

judged as (
    select
        procurements.procurement_id as record_id,
        procurements.announced_date as event_date,
        procurements.questions_count as value,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when procurements.questions_count is null then 'unknown:questions'
        end as exclusion
    from procurements
    where procurements.announced_date is not null
)

select
    record_id,
    event_date,
    case when exclusion is null then value end as numerator,
    case when exclusion is null then 1 end as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
