{{ config(materialized='table') }}

-- Wild purchases that a contract with a known saving would have covered: in its category, valid on the invoice's day and
-- open to the very unit that bought. Where several would have, in equal parts.
with

invoice_lines as (
    select * from {{ ref('fct_invoice_line') }} where compliance_class = 'wild'
),

contracts as (
    select * from {{ ref('int_contract_records') }}
),

savings as (
    select * from {{ ref('int_procurement_savings') }}
    where is_in_scope and saving_amount is not null and after_amount <> 0
),

held as (
    select entitlements.*
    from {{ ref('int_category_entitlements') }} as entitlements
    inner join contracts on entitlements.contract_id = contracts.contract_id
    inner join savings on contracts.procurement_id = savings.procurement_id
    where entitlements.valid_from <= entitlements.valid_until
),

-- A framework's suppliers are one contract.
fitting as (
    select
        spans.unit_id,
        spans.category_code,
        spans.from_date,
        spans.until_date,
        list(distinct held.contract_id) as contract_ids
    from ({{ cut_spans('held', ['unit_id', 'category_code']) }}) as spans
    inner join held
        on
            spans.unit_id = held.unit_id
            and spans.category_code = held.category_code
            and spans.from_date between held.valid_from and held.valid_until
    group by spans.unit_id, spans.category_code, spans.from_date, spans.until_date
),

bought as (
    select
        fitting.contract_ids,
        last_day(invoice_lines.booking_date) as month_end,
        sum(invoice_lines.amount_net) as amount
    from invoice_lines
    inner join fitting
        on
            invoice_lines.buyer_unit_id = fitting.unit_id
            and invoice_lines.category_code = fitting.category_code
            and invoice_lines.invoice_date between fitting.from_date and fitting.until_date
    group by
        fitting.unit_id,
        fitting.category_code,
        fitting.from_date,
        fitting.contract_ids,
        last_day(invoice_lines.booking_date)
),

shared as (
    select
        month_end,
        amount / len(contract_ids) as amount,
        unnest(contract_ids) as contract_id
    from bought
)

select
    contract_id,
    month_end,
    cast(sum({{ exact('amount') }}) as decimal(38, 10)) as amount
from shared
group by contract_id, month_end
