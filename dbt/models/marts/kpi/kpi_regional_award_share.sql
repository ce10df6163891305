with

procurements as (
    select * from {{ ref('int_procurements') }}
),

awards as (
    select * from {{ ref('int_awards') }}
),

judged as (
    select
        awards.award_record_id as record_id,
        awards.signed_date as event_date,
        awards.is_regional,
        case
            when procurements.procurement_id is null then 'unknown:procurement'
            when not procurements.is_in_scope then procurements.scope_exclusion
            when procurements.announced_date is null then 'unknown:announced_date'
        end as exclusion
    from awards
    left join procurements on awards.procurement_id = procurements.procurement_id
)

select
    record_id,
    event_date,
    -- A supplier missing from the register is in the denominator only, and lowers the coverage.
    case when exclusion is null then coalesce(cast(is_regional as integer), 0) end as numerator,
    case when exclusion is null then 1 end as denominator,
    exclusion,
    case when exclusion is null and is_regional is not null then 1 else 0 end as known_weight,
    case when (exclusion is null and is_regional is null) or exclusion like 'unknown:%' then 1 else 0 end
        as unknown_weight
from judged
