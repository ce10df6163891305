{{ config(materialized='table') }}

{% set classes = ['excluded', 'unclassified', 'on_contract', 'over_ceiling', 'wild', 'uncovered'] %}

with

invoice_lines as (
    select * from {{ ref('fct_invoice_line') }}
),

summed as (
    select
        buyer_unit_id,
        fiscal_year,
        invoice_id,
        any_value(member_code) as member_code,
        sum(amount_net) as total_amount,
        {% for class in classes %}
            sum(amount_net) filter (where compliance_class = '{{ class }}') as {{ class }}_amount,
        {% endfor %}
        sum(abs(amount_net)) filter (where compliance_class not in ('excluded', 'unclassified')) as classified_gross_amount,
        sum(abs(amount_net)) filter (where compliance_class = 'unclassified') as unclassified_gross_amount,
        max_by(
            struct_pack(
                category_group := category_group,
                supplier_id := supplier_id,
                booking_date := booking_date,
                source_file := source_file,
                source_row := source_row
            ),
            {{ largest_first('amount_net', 'line_no') }}
        ) as largest_line,
        {{ is_one_value('supplier_id') }} as is_one_supplier,
        {{ is_one_value('category_group') }} as is_one_group,
        date_trunc('month', min(booking_date)) = date_trunc('month', max(booking_date)) as is_one_month
    from invoice_lines
    group by buyer_unit_id, fiscal_year, invoice_id
),

weighed as (
    select
        *,
        greatest({% for class in classes %}abs({{ class }}_amount){{ ', ' if not loop.last }}{% endfor %}) as largest_amount
    from summed
)

select
    buyer_unit_id,
    fiscal_year,
    invoice_id,
    member_code,
    largest_line.category_group as category_group,
    largest_line.supplier_id as supplier_id,
    largest_line.booking_date as booking_date,
    -- Equal amounts: the class that stands first in the ladder.
    case
        {% for class in classes %}
            when abs({{ class }}_amount) = largest_amount then '{{ class }}'
        {% endfor %}
    end as largest_class,
    total_amount,
    {% for class in classes %}
        {{ class }}_amount is not null as has_{{ class }},
    {% endfor %}
    coalesce(classified_gross_amount, 0) as classified_gross_amount,
    coalesce(unclassified_gross_amount, 0) as unclassified_gross_amount,
    is_one_supplier,
    is_one_group,
    is_one_month,
    largest_line.source_file as source_file,
    largest_line.source_row as source_row
from weighed
