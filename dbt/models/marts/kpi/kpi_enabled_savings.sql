with

savings as (
    select * from {{ ref('int_procurement_savings') }}
),

judged as (
    select
        procurement_id as record_id,
        completed_date as event_date,
        saving_amount as value,
        case
            when not is_in_scope then scope_exclusion
            when reason is not null then 'unknown:' || reason
        end as exclusion
    from savings
    where completed_date is not null
)

select
    record_id,
    event_date,
    case when exclusion is null then value end as numerator,
    cast(null as integer) as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
