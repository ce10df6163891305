with

savings as (
    select * from {{ ref('int_procurement_savings') }}
),

judged as (
    select
        procurement_id as record_id,
        completed_date as event_date,
        cast(reason is null as integer) as value,
        case when not is_in_scope then scope_exclusion end as exclusion
    from savings
    where completed_date is not null
)

select
    record_id,
    event_date,
    case when exclusion is null then value end as numerator,
    case when exclusion is null then 1 end as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
