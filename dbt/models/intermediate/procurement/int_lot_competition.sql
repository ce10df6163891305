with

lots as (
    select * from {{ ref('int_lots') }}
),

lot_bids as (
    select * from {{ ref('int_lot_bids') }}
),

counted as (
    select
        procurement_id,
        lot_id,
        count(*) filter (where is_counted) as bid_count
    from lot_bids
    group by procurement_id, lot_id
)

select
    lots.lot_record_id,
    lots.procurement_id,
    lots.lot_id,
    coalesce(counted.bid_count, lots.tenders_received) as bid_count,
    case
        when counted.bid_count is not null then 'bids'
        when lots.tenders_received is not null then 'tenders_received'
    end as bid_count_source
from lots
left join counted on lots.procurement_id = counted.procurement_id and lots.lot_id = counted.lot_id
