{{ config(materialized='table') }}

with

settings as (
    select * from {{ source('run', 'settings') }}
),

suppliers as (
    select * from {{ ref('stg_suppliers') }}
)

-- A registered supplier is known by its name in the register, however the ledger spells it.
select distinct
    invoices.supplier_id,
    case
        when invoices.supplier_id is null or suppliers.supplier_id is null then invoices.supplier_name
    end as supplier_name,
    invoices.supplier_bankgiro
from {{ ref('stg_invoices') }} as invoices
left join suppliers on invoices.supplier_id = suppliers.supplier_id
where invoices.booking_date <= (select settings.as_of from settings)
