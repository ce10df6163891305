with

states as (
    select * from {{ ref('int_contract_followup_states') }}
),

judged as (
    select
        contract_id as record_id,
        state_from as event_date,
        cast(has_recent_meeting as integer) as value,
        case
            when contract_class is null then 'not_applicable:no_contract_class'
            when contract_class not in ('A', 'B') then 'not_applicable:contract_class'
        end as exclusion,
        state_from as counts_from,
        state_until as counts_until
    from states
)

select
    record_id,
    event_date,
    case when exclusion is null then value end as numerator,
    case when exclusion is null then 1 end as denominator,
    exclusion,
    {{ coverage_by_record() }},
    counts_from,
    counts_until
from judged
