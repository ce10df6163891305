with

savings as (
    select * from {{ ref('int_procurement_savings') }}
),

judged as (
    select
        procurement_id as record_id,
        completed_date as event_date,
        coalesce(saving_amount, 0) - coalesce(coordination_amount, 0) as value,
        -- What is not known of a procurement lowers coverage, also where its cost counts all the same.
        saving_amount is not null and coordination_amount is not null as is_known,
        case
            when not is_in_scope then scope_exclusion
            when not members_known then 'unknown:members'
            when not is_coordinated then 'not_applicable:one_member'
            when is_rate_missing then 'unknown:hourly_rate'
            when saving_amount is null and coordination_amount is null then 'unknown:' || reason
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
    case when exclusion is null and is_known then 1 else 0 end as known_weight,
    case
        when exclusion like 'unknown:%' or (exclusion is null and not is_known) then 1 else 0
    end as unknown_weight
from judged
