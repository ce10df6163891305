{{ config(materialized='table') }}

{#- What an invoice is counted once in, wherever its lines are; the contract does not part it further. -#}
{% set cell = ['buyer_unit_id', 'fiscal_year', 'quarter_start', 'category_code', 'supplier_id', 'compliance_class'] %}

with

-- Read twice more for the few long invoices, and too large to be kept in between.
invoice_lines as not materialized (
    select
        buyer_unit_id,
        fiscal_year,
        invoice_id,
        line_no,
        cast(date_trunc('quarter', booking_date) as date) as quarter_start,
        category_code,
        supplier_id,
        compliance_class,
        contract_id,
        amount_net
    from {{ ref('fct_invoice_line') }}
),

-- Most invoices have one line, number 1, which needs no further look.
long_invoices as (
    select distinct
        buyer_unit_id,
        fiscal_year,
        invoice_id
    from invoice_lines
    where line_no <> 1
),

-- Every line of an invoice after its first in the same cell: the invoice is counted there already.
further_lines as (
    select
        {% for column in cell %}
        invoice_lines.{{ column }},
        {% endfor %}
        invoice_lines.contract_id
    from invoice_lines
    inner join long_invoices
        on
            invoice_lines.buyer_unit_id = long_invoices.buyer_unit_id
            and invoice_lines.fiscal_year = long_invoices.fiscal_year
            and invoice_lines.invoice_id = long_invoices.invoice_id
    qualify
        row_number() over (
            partition by
                {% for column in cell %}
                invoice_lines.{{ column }},
                {% endfor %}
                invoice_lines.invoice_id
            order by invoice_lines.line_no
        ) > 1
)

select
    {% for column in cell %}
    {{ column }},
    {% endfor %}
    contract_id,
    cast(sum(amount_net) as decimal(18, 2)) as amount,
    cast(sum(counted) as bigint) as invoices
from (
    select
        {% for column in cell %}
        {{ column }},
        {% endfor %}
        contract_id,
        amount_net,
        1 as counted
    from invoice_lines
    union all
    select
        {% for column in cell %}
        {{ column }},
        {% endfor %}
        contract_id,
        cast(0 as decimal(18, 2)) as amount_net,
        -1 as counted
    from further_lines
) as counted_lines
group by all
