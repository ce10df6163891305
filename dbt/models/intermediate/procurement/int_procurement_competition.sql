{{ config(materialized='table') }}

with

procurements as (
    select * from {{ ref('int_procurements') }}
),

bids as (
    select * from {{ ref('stg_bids') }}
),

lots as (
    select * from {{ ref('stg_lots') }}
),

-- Distinct bidders; a procurement with only late or withdrawn bids is known to have none.
bidders as (
    select
        procurement_id,
        count(distinct bidder_id) filter (where status in ('submitted', 'qualified', 'rejected')) as bid_count
    from bids
    group by procurement_id
),

-- Counts per lot cannot be added up to bidders: who bids on two lots is in both. A single lot is the whole.
lot_counts as (
    select
        procurement_id,
        count(*) as lot_count,
        count(tenders_received) as known_lot_count,
        case when count(*) = 1 then max(tenders_received) end as single_lot_count
    from lots
    group by procurement_id
)

select
    procurements.procurement_id,
    coalesce(lot_counts.lot_count, 0) as lot_count,
    bidders.procurement_id is not null as has_bid_rows,
    bidders.procurement_id is null and coalesce(lot_counts.known_lot_count, 0) > 0 as has_lot_counts_only,
    coalesce(bidders.bid_count, lot_counts.single_lot_count) as bid_count
from procurements
left join bidders on procurements.procurement_id = bidders.procurement_id
left join lot_counts on procurements.procurement_id = lot_counts.procurement_id
