with

lots as (
    select * from {{ ref('int_lots') }}
),

bids as (
    select * from {{ ref('stg_bids') }}
),

-- A bid that names no lot is a bid on every lot; without registered lots the procurement is the only one.
placed as (
    select
        lots.procurement_id,
        lots.lot_id,
        bids.bidder_id,
        bids.status in ('submitted', 'qualified', 'rejected') as is_counted,
        coalesce(bids.winner, false) as is_winner
    from bids
    inner join lots
        on
            bids.procurement_id = lots.procurement_id
            and (coalesce(bids.lot_id, '') = '' or not lots.is_registered or bids.lot_id = lots.lot_id)
)

select
    procurement_id,
    lot_id,
    bidder_id,
    bool_or(is_counted) as is_counted,
    bool_or(is_winner) as is_winner
from placed
group by procurement_id, lot_id, bidder_id
