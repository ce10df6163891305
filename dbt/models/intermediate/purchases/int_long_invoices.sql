{# A table, so that its size is known: taken for the larger side of the ledger's join it would cost a run's memory. #}
{{ config(materialized='table') }}

with

settings as (
    select * from {{ source('run', 'settings') }}
),

invoices as (
    select * from {{ ref('stg_invoices') }}
)

select distinct
    buyer_unit_id,
    fiscal_year,
    invoice_id
from invoices
where
    line_no <> 1
    and booking_date <= (select settings.as_of from settings)
