{{ config(materialized='table') }}

{% set classes = ['excluded', 'unclassified', 'on_contract', 'over_ceiling', 'wild', 'uncovered'] %}

with

-- Read twice, and too large to be kept in between.
invoice_lines as not materialized (
    select * from {{ ref('fct_invoice_line') }}
),

-- Most invoices have one line, number 1, which needs no grouping.
long_invoices as (
    select distinct
        buyer_unit_id,
        fiscal_year,
        invoice_id
    from invoice_lines
    where line_no <> 1
),

summed as (
    select
        invoice_lines.buyer_unit_id,
        invoice_lines.fiscal_year,
        invoice_lines.invoice_id,
        any_value(invoice_lines.member_code) as member_code,
        sum(invoice_lines.amount_net) as total_amount,
        {% for class in classes %}
        sum(invoice_lines.amount_net)
        filter (where invoice_lines.compliance_class = '{{ class }}') as {{ class }}_amount,
        {% endfor %}
        sum(abs(invoice_lines.amount_net))
        filter (where invoice_lines.compliance_class not in ('excluded', 'unclassified'))
            as classified_gross_amount,
        sum(abs(invoice_lines.amount_net))
        filter (where invoice_lines.compliance_class = 'unclassified') as unclassified_gross_amount,
        max_by(
            struct_pack(
                category_group := invoice_lines.category_group,
                supplier_id := invoice_lines.supplier_id,
                booking_date := invoice_lines.booking_date,
                source_file := invoice_lines.source_file,
                source_row := invoice_lines.source_row
            ),
            {{ largest_first('invoice_lines.amount_net', 'invoice_lines.line_no') }}
        ) as largest_line,
        {{ is_one_value('invoice_lines.supplier_id') }} as is_one_supplier,
        {{ is_one_value('invoice_lines.category_group') }} as is_one_group,
        date_trunc('month', min(invoice_lines.booking_date))
        = date_trunc('month', max(invoice_lines.booking_date)) as is_one_month
    from invoice_lines
    inner join long_invoices
        on
            invoice_lines.buyer_unit_id = long_invoices.buyer_unit_id
            and invoice_lines.fiscal_year = long_invoices.fiscal_year
            and invoice_lines.invoice_id = long_invoices.invoice_id
    group by invoice_lines.buyer_unit_id, invoice_lines.fiscal_year, invoice_lines.invoice_id
),

weighed as (
    select
        *,
        greatest(
            {% for class in classes %}
            abs({{ class }}_amount),
            {% endfor %}
            0
        ) as largest_amount
    from summed
)

select
    buyer_unit_id,
    fiscal_year,
    invoice_id,
    member_code,
    struct_extract(largest_line, 'category_group') as category_group,
    struct_extract(largest_line, 'supplier_id') as supplier_id,
    struct_extract(largest_line, 'booking_date') as booking_date,
    -- Equal amounts: the class that stands first in the ladder.
    case
        {% for class in classes %}
        when abs({{ class }}_amount) = largest_amount then '{{ class }}'
        {% endfor %}
    end as largest_class,
    total_amount < 0 as is_credit_note,
    {% for class in classes %}
    {{ class }}_amount is not null as has_{{ class }},
    {% endfor %}
    cast(coalesce(classified_gross_amount, 0) as decimal(18, 2)) as classified_gross_amount,
    cast(coalesce(unclassified_gross_amount, 0) as decimal(18, 2)) as unclassified_gross_amount,
    is_one_supplier,
    is_one_group,
    is_one_month,
    struct_extract(largest_line, 'source_file') as source_file,
    struct_extract(largest_line, 'source_row') as source_row
from weighed
union all
select
    invoice_lines.buyer_unit_id,
    invoice_lines.fiscal_year,
    invoice_lines.invoice_id,
    invoice_lines.member_code,
    invoice_lines.category_group,
    invoice_lines.supplier_id,
    invoice_lines.booking_date,
    invoice_lines.compliance_class as largest_class,
    invoice_lines.amount_net < 0 as is_credit_note,
    {% for class in classes %}
    invoice_lines.compliance_class = '{{ class }}' as has_{{ class }},
    {% endfor %}
    cast(
        case
            when invoice_lines.compliance_class in ('excluded', 'unclassified') then 0
            else abs(invoice_lines.amount_net)
        end as decimal(18, 2)
    ) as classified_gross_amount,
    cast(
        case
            when invoice_lines.compliance_class = 'unclassified' then abs(invoice_lines.amount_net)
            else 0
        end as decimal(18, 2)
    ) as unclassified_gross_amount,
    true as is_one_supplier,
    true as is_one_group,
    true as is_one_month,
    invoice_lines.source_file,
    invoice_lines.source_row
from invoice_lines
left join long_invoices
    on
        invoice_lines.buyer_unit_id = long_invoices.buyer_unit_id
        and invoice_lines.fiscal_year = long_invoices.fiscal_year
        and invoice_lines.invoice_id = long_invoices.invoice_id
where
    invoice_lines.line_no = 1
    and long_invoices.invoice_id is null
