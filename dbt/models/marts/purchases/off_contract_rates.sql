{% set classes = ['on_contract', 'over_ceiling', 'wild', 'uncovered', 'unclassified', 'excluded'] %}
{% set invoice_key = 'buyer_unit_id, fiscal_year, invoice_id' %}
{#- What a level is counted by beside period and member; 'total' by nothing. -#}
{% set levels = {'total': none, 'group': 'category_group', 'supplier': 'supplier_id'} %}

with

-- The ledger and its invoices are read several times, and too large to be kept in between.
invoice_lines as not materialized (
    select * from {{ ref('fct_invoice_line') }}
),

invoices as not materialized (
    select
        *,
        cast(date_trunc('month', booking_date) as date) as month_start
    from {{ ref('int_invoices') }}
),

periods as (
    select * from {{ ref('dim_period') }}
),

monthly_amounts as (
    select
        cast(date_trunc('month', booking_date) as date) as month_start,
        member_code,
        category_group,
        supplier_id,
        {% for class in classes %}
            sum(amount_net) filter (where compliance_class = '{{ class }}') as {{ class }}_amount,
        {% endfor %}
    from invoice_lines
    group by all
),

-- An invoice's class and place are those of its largest line, so these counts add up over months.
monthly_classes as (
    select
        month_start,
        member_code,
        category_group,
        supplier_id,
        count(*) filter (where largest_class = 'wild') as wild_largest,
        count(*) as area_largest
    from invoices
    where
        largest_class in ('on_contract', 'over_ceiling', 'wild')
        and not is_credit_note
    group by all
),

-- Within one month, an invoice with one supplier and one group is one invoice wherever it is counted.
monthly_invoices as (
    select
        month_start,
        member_code,
        category_group,
        supplier_id,
        is_one_group,
        is_one_supplier,
        {% for class in classes %}
            count(*) filter (where has_{{ class }}) as {{ class }}_invoices,
        {% endfor %}
    from invoices
    where is_one_month
    group by all
),

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
        cast(date_trunc('month', invoice_lines.booking_date) as date) as month_start,
        invoices.is_one_month,
        invoices.is_one_group,
        invoices.is_one_supplier
    from invoice_lines
    inner join invoices
        on
            not (invoices.is_one_month and invoices.is_one_group and invoices.is_one_supplier)
            and invoice_lines.buyer_unit_id = invoices.buyer_unit_id
            and invoice_lines.fiscal_year = invoices.fiscal_year
            and invoice_lines.invoice_id = invoices.invoice_id
),

monthly as (
    {% for level, column in levels.items() %}
        {% set place = "'ALL'" if column is none else column %}
        select
            '{{ level }}' as level,
            month_start,
            member_code,
            {{ place }} as place,
            columns('.*_(amount|largest|invoices)$')
        from (
            select * from monthly_amounts
            union all by name
            select * from monthly_classes
            union all by name
            select * exclude (is_one_group, is_one_supplier)
            from monthly_invoices
            {% if level != 'total' %}where is_one_{{ level }}{% endif %}
            {% if level != 'total' %}
                union all by name
                select
                    month_start,
                    member_code,
                    {{ column }},
                    {% for class in classes %}
                        count(*) filter (where compliance_class = '{{ class }}') as {{ class }}_invoices,
                    {% endfor %}
                from (
                    select distinct {{ invoice_key }}, month_start, member_code, {{ column }}, compliance_class
                    from spread_lines
                    where is_one_month and not is_one_{{ level }}
                ) as spread
                group by all
            {% endif %}
        ) as measures
        {% if column is not none %}where {{ column }} is not null{% endif %}
        {% if not loop.last %}union all by name{% endif %}
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
            place,
            {% for class in classes %}
                count(*) filter (where compliance_class = '{{ class }}') as {{ class }}_invoices,
            {% endfor %}
        from (
            select distinct
                {{ invoice_key }},
                periods.period_type,
                periods.period,
                spread_lines.member_code,
                {{ place }} as place,
                spread_lines.compliance_class
            from spread_lines
            inner join periods on spread_lines.month_start between periods.period_start and periods.period_end
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
        monthly.* exclude (month_start),
        periods.period_type,
        periods.period
    from (
        select
            level,
            month_start,
            member_code,
            place,
            sum(columns('.*_(amount|largest|invoices)$'))
        from monthly
        group by all
    ) as monthly
    inner join periods
        on
            monthly.month_start between periods.period_start and periods.period_end
            -- Suppliers by quarter and year only: the table stays small enough to open anywhere.
            and (monthly.level <> 'supplier' or periods.period_type in ('quarter', 'year'))
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

denominators as (
    select
        *,
        nullif(on_contract_amount + over_ceiling_amount + wild_amount, 0) as area_amount,
        nullif(on_contract_amount + over_ceiling_amount + wild_amount + uncovered_amount + unclassified_amount, 0)
            as purchase_amount
    from totals
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
        as contract_coverage_value
from denominators
