with

bids as (
    select * from {{ ref('stg_bids') }}
),

procurement_suppliers as (
    select * from {{ ref('int_procurement_suppliers') }}
)

select
    bids.procurement_id,
    coalesce(bids.lot_id, '') as lot_id,
    bids.bidder_id,
    bids.supplier_id,
    bids.status,
    bids.status in ('submitted', 'qualified', 'rejected') as is_counted,
    coalesce(bids.winner, false) as is_winner,
    bids.bid_price as bid_price_amount,
    bids.first_price as first_price_amount,
    procurement_suppliers.is_registered as is_supplier_registered,
    procurement_suppliers.is_regional,
    procurement_suppliers.is_sme,
    bids.source_file,
    bids.source_row
from bids
left join procurement_suppliers
    on
        bids.procurement_id = procurement_suppliers.procurement_id
        and bids.supplier_id = procurement_suppliers.supplier_id
