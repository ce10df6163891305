with

procurements as (
    select * from {{ ref('int_procurements') }}
),

competition as (
    select * from {{ ref('int_procurement_competition') }}
),

judged as (
    select
        procurements.procurement_id as record_id,
        procurements.completed_date as event_date,
        competition.bid_count as value,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when competition.bid_count is null then 'unknown:bids'
        end as exclusion
    from procurements
    left join competition on procurements.procurement_id = competition.procurement_id
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
