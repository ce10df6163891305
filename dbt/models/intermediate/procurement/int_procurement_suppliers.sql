{{ config(materialized='table') }}

with

procurements as (
    select * from {{ ref('int_procurements') }}
),

bids as (
    select * from {{ ref('stg_bids') }}
),

contracts as (
    select * from {{ ref('stg_contracts') }}
),

suppliers as (
    select * from {{ ref('stg_suppliers') }}
),

regional_workplaces as (
    select * from {{ ref('int_regional_workplaces') }}
),

appearances as (
    select
        procurement_id,
        supplier_id
    from bids
    union
    select
        procurement_id,
        supplier_id
    from contracts
    where procurement_id is not null
),

active_in_region as (
    select distinct
        appearances.procurement_id,
        appearances.supplier_id
    from appearances
    inner join procurements on appearances.procurement_id = procurements.procurement_id
    inner join regional_workplaces
        on
            appearances.supplier_id = regional_workplaces.supplier_id
            and procurements.announced_date >= regional_workplaces.valid_from
            and procurements.announced_date <= regional_workplaces.valid_to
)

select
    appearances.procurement_id,
    appearances.supplier_id,
    suppliers.supplier_id is not null as is_registered,
    case
        when suppliers.supplier_id is not null and procurements.announced_date is not null
            then active_in_region.supplier_id is not null
    end as is_regional,
    suppliers.employees < 250 as is_sme
from appearances
left join procurements on appearances.procurement_id = procurements.procurement_id
left join suppliers on appearances.supplier_id = suppliers.supplier_id
left join active_in_region
    on
        appearances.procurement_id = active_in_region.procurement_id
        and appearances.supplier_id = active_in_region.supplier_id
