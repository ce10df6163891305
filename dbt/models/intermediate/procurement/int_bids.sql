{{ config(materialized='table') }}

with

bids as (
    select * from {{ ref('stg_bids') }}
),

procurement_suppliers as (
    select * from {{ ref('int_procurement_suppliers') }}
),

-- Late and withdrawn bids are no bids; rejected ones are.
counted as (
    select *
    from bids
    where status in ('submitted', 'qualified', 'rejected')
),

partners as (
    select
        procurement_id,
        bidder_id,
        supplier_id,
        bool_or(coalesce(winner, false)) as is_winner
    from counted
    group by procurement_id, bidder_id, supplier_id
),

first_rows as (
    select
        procurement_id,
        bidder_id,
        source_file,
        source_row
    from counted
    qualify row_number() over (
        partition by procurement_id, bidder_id
        order by source_file, source_sheet, source_row
    ) = 1
),

-- A consortium is regional if any partner is, small or medium-sized if all are; a partner that is not known
-- leaves the answer open unless another partner decides it.
bidders as (
    select
        partners.procurement_id,
        partners.bidder_id,
        count(*) as partner_count,
        bool_or(partners.is_winner) as is_winner,
        bool_and(procurement_suppliers.is_registered) as is_registered,
        case
            when bool_or(procurement_suppliers.is_regional) then true
            when bool_and(procurement_suppliers.is_regional is not null) then false
        end as is_regional,
        case
            when not bool_and(procurement_suppliers.is_sme) then false
            when bool_and(procurement_suppliers.is_sme is not null) then true
        end as is_sme
    from partners
    inner join procurement_suppliers
        on
            partners.procurement_id = procurement_suppliers.procurement_id
            and partners.supplier_id = procurement_suppliers.supplier_id
    group by partners.procurement_id, partners.bidder_id
)

select
    bidders.procurement_id || '|' || bidders.bidder_id as bid_record_id,
    bidders.procurement_id,
    bidders.bidder_id,
    bidders.partner_count,
    bidders.is_winner,
    bidders.is_registered,
    bidders.is_regional,
    bidders.is_sme,
    first_rows.source_file,
    first_rows.source_row
from bidders
inner join first_rows
    on bidders.procurement_id = first_rows.procurement_id and bidders.bidder_id = first_rows.bidder_id
