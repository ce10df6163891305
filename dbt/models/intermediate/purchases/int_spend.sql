{{ config(materialized='table') }}

{#- What an invoice is counted once in, wherever its lines are; the contract does not part it further. -#}
{% set cell = ['buyer_unit_id', 'fiscal_year', 'quarter_start', 'category_code', 'supplier_id', 'compliance_class'] %}

with

cells as (
    select
        *,
        cast(date_trunc('quarter', booking_date) as date) as quarter_start
    from {{ ref('int_ledger_cells') }}
),

-- An invoice of several lines is counted once in a cell, at the contract of its first line there.
long_invoices as (
    select
        {% for column in cell %}
        {{ column }},
        {% endfor %}
        invoice_id,
        struct_extract(min_by(struct_pack(contract_id := contract_id), line_no), 'contract_id') as contract_id
    from (
        select
            *,
            cast(date_trunc('quarter', booking_date) as date) as quarter_start
        from {{ ref('fct_invoice_line') }}
        where not is_only_line
    ) as invoice_lines
    group by
        {% for column in cell %}
        {{ column }},
        {% endfor %}
        invoice_id
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
        single_line_invoices as counted
    from cells
    union all
    select
        {% for column in cell %}
        {{ column }},
        {% endfor %}
        contract_id,
        cast(0 as decimal(18, 2)) as amount_net,
        1 as counted
    from long_invoices
) as counted_lines
group by all
