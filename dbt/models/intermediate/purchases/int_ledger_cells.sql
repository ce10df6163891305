{{ config(materialized='table') }}

with

invoice_lines as (
    select * from {{ ref('fct_invoice_line') }}
)

select
    buyer_unit_id,
    fiscal_year,
    -- What tells one line from another is nothing of a cell's; named, so that an indicator's SQL reads cells as lines.
    cast(null as varchar) as invoice_id,
    cast(null as bigint) as line_no,
    member_code,
    supplier_id,
    cast(null as varchar) as supplier_name,
    category_code,
    category_group,
    cast(date_trunc('month', booking_date) as date) as booking_date,
    compliance_class,
    contract_id,
    supplier_has_contract,
    cast(sum(amount_net) as decimal(18, 2)) as amount_net,
    cast(null as varchar) as source_file,
    count(*) as source_row,
    count(*) filter (where is_only_line) as single_line_invoices
from invoice_lines
group by
    buyer_unit_id,
    fiscal_year,
    member_code,
    supplier_id,
    category_code,
    category_group,
    date_trunc('month', booking_date),
    compliance_class,
    contract_id,
    supplier_has_contract,
    amount_net > 0
