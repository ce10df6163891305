with

procurements as (
    select * from {{ ref('int_procurements') }}
),

lots as (
    select * from {{ ref('stg_lots') }}
),

categories as (
    select * from {{ ref('int_categories') }}
),

registered as (
    select
        lots.procurement_id,
        lots.lot_id,
        true as is_registered,
        lots.title,
        coalesce(lots.category_code, procurements.category_code) as category_code,
        lots.tenders_received,
        lots.sme_tenders,
        lots.awarded,
        lots.contract_value,
        lots.source_file,
        lots.source_row
    from lots
    inner join procurements on lots.procurement_id = procurements.procurement_id
),

-- A procurement without lots is one lot, with an empty number.
whole as (
    select
        procurements.procurement_id,
        '' as lot_id,
        false as is_registered,
        procurements.title,
        procurements.category_code,
        cast(null as bigint) as tenders_received,
        cast(null as bigint) as sme_tenders,
        cast(null as boolean) as awarded,
        cast(null as decimal(18, 2)) as contract_value,
        procurements.source_file,
        procurements.source_row
    from procurements
    where not exists (select 1 from lots where lots.procurement_id = procurements.procurement_id)
),

every_lot as (
    select * from registered
    union all
    select * from whole
)

select
    every_lot.procurement_id || '|' || every_lot.lot_id as lot_record_id,
    every_lot.procurement_id,
    every_lot.lot_id,
    every_lot.is_registered,
    every_lot.title,
    every_lot.category_code,
    categories.group_code as category_group,
    every_lot.tenders_received,
    every_lot.sme_tenders,
    every_lot.awarded,
    every_lot.contract_value,
    every_lot.source_file,
    every_lot.source_row
from every_lot
left join categories on every_lot.category_code = categories.category_code
