with

procurements as (
    select * from {{ ref('int_procurements') }}
),

lots as (
    select * from {{ ref('int_lot_competition') }}
),

judged as (
    select
        lots.lot_record_id as record_id,
        procurements.completed_date as event_date,
        lots.bid_count as value,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when lots.bid_count is null then 'unknown:bids'
        end as exclusion
    from procurements
    inner join lots on procurements.procurement_id = lots.procurement_id
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
