with

followups as (
    select * from {{ ref('int_followups') }}
),

judged as (
    select
        followup_record_id as record_id,
        followup_date as event_date,
        case
            when has_required_form is null then 'not_met:no_contract_class'
            when not has_required_form then 'not_met:form_below_class'
        end as exclusion
    from followups
)

select
    record_id,
    event_date,
    case when exclusion is null then 1 end as numerator,
    cast(null as integer) as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
