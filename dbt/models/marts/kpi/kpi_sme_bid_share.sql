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

-- What is not known of a procurement's bids is one unknown record, without a bidder.
judged as (
    select
        bids.bid_record_id as record_id,
        procurements.completed_date as event_date,
        cast(bids.is_sme as integer) as value,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when bids.is_sme is null then 'unknown:supplier_size'
        end as exclusion
    from procurements
    inner join bids on procurements.procurement_id = bids.procurement_id
    where procurements.completed_date is not null
    union all
    select
        procurements.procurement_id || '|' as record_id,
        procurements.completed_date as event_date,
        null as value,
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
    case when exclusion is null then value end as numerator,
    case when exclusion is null then 1 end as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
