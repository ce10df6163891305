with

procurements as (
    select * from {{ ref('int_procurements') }}
),

competition as (
    select * from {{ ref('int_procurement_competition') }}
),

bids as (
    select * from {{ ref('int_bids') }}
),

registered as (
    select
        bids.bid_record_id as record_id,
        procurements.completed_date as event_date,
        bids.is_regional,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when procurements.announced_date is null then 'unknown:announced_date'
        end as exclusion
    from procurements
    inner join bids on procurements.procurement_id = bids.procurement_id
    where procurements.completed_date is not null
),

-- What is not known of a procurement's bids is one unknown record, without a bidder.
unregistered as (
    select
        procurements.procurement_id || '|' as record_id,
        procurements.completed_date as event_date,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when competition.has_lot_counts_only then 'unknown:bids_by_lot_counts_only'
            else 'unknown:bids'
        end as exclusion
    from procurements
    inner join competition on procurements.procurement_id = competition.procurement_id
    where procurements.completed_date is not null and not competition.has_bid_rows
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
from registered
union all
select
    record_id,
    event_date,
    null as numerator,
    null as denominator,
    exclusion,
    {{ coverage_by_record() }}
from unregistered
