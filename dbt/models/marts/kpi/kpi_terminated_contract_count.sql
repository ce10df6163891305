with

terminations as (
    select * from {{ ref('int_contract_terminations') }}
),

judged as (
    select
        contract_id as record_id,
        terminated_date as event_date,
        case when not is_before_end then 'not_applicable:ended_as_agreed' end as exclusion
    from terminations
)

select
    record_id,
    event_date,
    case when exclusion is null then 1 end as numerator,
    cast(null as integer) as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
