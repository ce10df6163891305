{{ config(materialized='table') }}

{% set classes = ['excluded', 'unclassified', 'on_contract', 'over_ceiling', 'wild', 'uncovered'] %}

with

-- Read twice, and too large to be kept in between.
invoice_lines as not materialized (
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
        sum(amount_net)
        filter (where compliance_class = '{{ class }}') as {{ class }}_amount,
        {% endfor %}
        sum(abs(amount_net))
        filter (where compliance_class not in ('excluded', 'unclassified'))
            as classified_gross_amount,
        sum(abs(amount_net))
        filter (where compliance_class = 'unclassified') as unclassified_gross_amount,
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
        date_trunc('month', min(booking_date))
        = date_trunc('month', max(booking_date)) as is_one_month
    from invoice_lines
    -- Most invoices have one line, which needs no grouping.
    where not is_only_line
    group by buyer_unit_id, fiscal_year, invoice_id
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
    buyer_unit_id,
    fiscal_year,
    invoice_id,
    member_code,
    category_group,
    supplier_id,
    booking_date,
    compliance_class as largest_class,
    amount_net < 0 as is_credit_note,
    {% for class in classes %}
    compliance_class = '{{ class }}' as has_{{ class }},
    {% endfor %}
    cast(
        case
            when compliance_class in ('excluded', 'unclassified') then 0
            else abs(amount_net)
        end as decimal(18, 2)
    ) as classified_gross_amount,
    cast(
        case
            when compliance_class = 'unclassified' then abs(amount_net)
            else 0
        end as decimal(18, 2)
    ) as unclassified_gross_amount,
    true as is_one_supplier,
    true as is_one_group,
    true as is_one_month,
    source_file,
    source_row
from invoice_lines
where is_only_line
