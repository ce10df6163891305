{% set classes = ['on_contract', 'over_ceiling', 'wild', 'uncovered', 'unclassified', 'excluded'] %}
{% set invoice_key = 'buyer_unit_id, fiscal_year, invoice_id' %}
{#- What a level is counted by beside period and member; 'total' by nothing. -#}
{% set levels = {'total': none, 'group': 'category_group', 'supplier': 'supplier_id'} %}

with

cells as (
    select * from {{ ref('int_ledger_cells') }}
),

-- Read several times, and too large to be kept in between.
invoices as not materialized (
    select * from {{ ref('fct_invoice') }}
),

periods as (
    select * from {{ ref('dim_period') }}
),

-- Groups by month, which every period is made of; the many suppliers by quarter, as they are published.
{% for level, grain in [('group', 'month'), ('supplier', 'quarter')] %}
{% set column = levels[level] %}
amounts_by_{{ level }} as (
    select
        cast(date_trunc('{{ grain }}', booking_date) as date) as start_date,
        member_code,
        {% for class in classes %}
        sum(amount_net) filter (where compliance_class = '{{ class }}') as {{ class }}_amount,
        {% endfor %}
        {{ column }} as place
    from cells
    group by all
),

-- An invoice's class and place are those of its largest line, so these counts add up over time.
classes_by_{{ level }} as (
    select
        cast(date_trunc('{{ grain }}', booking_date) as date) as start_date,
        member_code,
        {{ column }} as place,
        count(*) filter (where largest_class = 'wild') as wild_largest,
        count(*) as area_largest
    from invoices
    where
        largest_class in ('on_contract', 'over_ceiling', 'wild')
        and not is_credit_note
    group by all
),

-- Within one month, an invoice with one supplier and one group is one invoice wherever it is counted.
invoices_by_{{ level }} as (
    select
        cast(date_trunc('{{ grain }}', booking_date) as date) as start_date,
        member_code,
        is_one_{{ level }} as is_one_place,
        {% for class in classes %}
        count(*) filter (where has_{{ class }}) as {{ class }}_invoices,
        {% endfor %}
        {{ column }} as place
    from invoices
    where is_one_month
    group by all
),
{% endfor %}

-- The others are counted from their lines: invoices over several suppliers, groups or months.
spread_lines as (
    select distinct
        invoice_lines.buyer_unit_id,
        invoice_lines.fiscal_year,
        invoice_lines.invoice_id,
        invoice_lines.member_code,
        invoice_lines.category_group,
        invoice_lines.supplier_id,
        invoice_lines.compliance_class,
        cast(date_trunc('month', invoice_lines.booking_date) as date) as start_date,
        invoices.is_one_month,
        invoices.is_one_group,
        invoices.is_one_supplier
    from {{ ref('fct_invoice_line') }} as invoice_lines
    inner join invoices
        on
            not invoice_lines.is_only_line
            and not (invoices.is_one_month and invoices.is_one_group and invoices.is_one_supplier)
            and invoice_lines.buyer_unit_id = invoices.buyer_unit_id
            and invoice_lines.fiscal_year = invoices.fiscal_year
            and invoice_lines.invoice_id = invoices.invoice_id
),

measures as (
    select
        'total' as level,
        * replace ('ALL' as place)
    from (
        select * from amounts_by_group
        union all by name
        select * from classes_by_group
        union all by name
        select * exclude (is_one_place) from invoices_by_group
    ) as by_group
    {% for level, column in levels.items() if column is not none %}
    union all by name
    select
        '{{ level }}' as level,
        *
    from (
        select * from amounts_by_{{ level }}
        union all by name
        select * from classes_by_{{ level }}
        union all by name
        select * exclude (is_one_place) from invoices_by_{{ level }}
        where is_one_place
        union all by name
        select
            start_date,
            member_code,
            {% for class in classes %}
            count(*) filter (where compliance_class = '{{ class }}') as {{ class }}_invoices,
            {% endfor %}
            {{ column }} as place
        from (
            select distinct {{ invoice_key }}, start_date, member_code, {{ column }}, compliance_class
            from spread_lines
            where is_one_month and not is_one_{{ level }}
        ) as spread
        group by all
    ) as by_{{ level }}
    where place is not null
    {% endfor %}
),

-- An invoice booked in several months is one invoice in a period that holds them all.
over_months as (
    {% for level, column in levels.items() %}
    {% set place = "'ALL'" if column is none else column %}
    select
        '{{ level }}' as level,
        period_type,
        period,
        member_code,
        {% for class in classes %}
        count(*) filter (where compliance_class = '{{ class }}') as {{ class }}_invoices,
        {% endfor %}
        place
    from (
        select distinct
            {{ invoice_key }},
            periods.period_type,
            periods.period,
            spread_lines.member_code,
            {{ place }} as place,
            spread_lines.compliance_class
        from spread_lines
        inner join periods on spread_lines.start_date between periods.period_start and periods.period_end
        where
            not spread_lines.is_one_month
            {% if column is not none %}and spread_lines.{{ column }} is not null{% endif %}
    ) as spread
    group by all
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

placed as (
    select
        measures.*,
        periods.period_type,
        periods.period
    from measures
    inner join periods
        on
            measures.start_date between periods.period_start and periods.period_end
            and (measures.level <> 'supplier' or periods.period_type in ('quarter', 'year'))
    union all by name
    select *
    from over_months
    where
        level <> 'supplier'
        or period_type in ('quarter', 'year')
),

totals as (
    select
        period_type,
        period,
        member_code,
        case when level = 'group' then place else 'ALL' end as category_group,
        case when level = 'supplier' then place else 'ALL' end as supplier_id,
        {% for class in classes %}
        cast(coalesce(sum({{ class }}_amount), 0) as decimal(18, 2)) as {{ class }}_amount,
        {% endfor %}
        {% for class in classes %}
        cast(coalesce(sum({{ class }}_invoices), 0) as bigint) as {{ class }}_invoices,
        {% endfor %}
        cast(sum(wild_largest) as double) as wild_largest,
        cast(sum(area_largest) as double) as area_largest
    from (
        select * from placed where member_code is not null
        union all by name
        select * replace ('ALL' as member_code) from placed
    ) as owned
    group by all
),

-- What could be over its ceiling if lines that several contracts fit were on another of them.
bounded as (
    select
        totals.*,
        coalesce(bounds.low_change, 0) as low_change,
        coalesce(bounds.high_change, 0) as high_change
    from totals
    left join {{ ref('int_ceiling_bounds') }} as bounds
        on
            totals.period_type = bounds.period_type
            and totals.period = bounds.period
            and totals.member_code = bounds.member_code
            and totals.category_group = bounds.category_group
            and totals.supplier_id = bounds.supplier_id
),

denominators as (
    select
        *,
        nullif(on_contract_amount + over_ceiling_amount + wild_amount, 0) as area_amount,
        nullif(
            on_contract_amount + over_ceiling_amount + wild_amount + uncovered_amount + unclassified_amount, 0
        )
            as purchase_amount
    from bounded
)

select
    period_type,
    period,
    member_code,
    category_group,
    supplier_id,
    {% for class in classes %}
    {{ class }}_amount,
    {% endfor %}
    {% for class in classes %}
    {{ class }}_invoices,
    {% endfor %}
    cast(wild_amount as double) / cast(area_amount as double) as off_contract_rate_value,
    wild_largest / nullif(area_largest, 0) as off_contract_rate_count,
    cast(on_contract_amount as double) / cast(area_amount as double) as contract_compliance_value,
    cast(on_contract_amount + over_ceiling_amount + wild_amount as double) / cast(purchase_amount as double)
        as contract_coverage_value,
    cast(over_ceiling_amount + low_change as decimal(18, 2)) as over_ceiling_low_amount,
    cast(over_ceiling_amount + high_change as decimal(18, 2)) as over_ceiling_high_amount
from denominators
