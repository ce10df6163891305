-- noqa: disable=LT02,LT05
{{ config(materialized='table') }}
{% set line_key = ['buyer_unit_id', 'fiscal_year', 'invoice_id', 'line_no'] %}
{% set kept = line_key + [
    'member_code', 'category_group', 'supplier_id', 'invoice_date', 'booking_date', 'amount_net',
    'compliance_class', 'contract_id'
] %}

with

-- Read twice, each time for few of its lines, and too large to be kept in between.
invoice_lines as not materialized (
    select * from {{ ref('fct_invoice_line') }}
),

ceilings as (
    select
        contract_id,
        max(ceiling_value) as ceiling_value
    from {{ ref('int_contract_terms') }}
    where ceiling_value is not null
    group by contract_id
),

-- Lines that several contracts fit; without a ceiling among them the choice changes no class.
ambiguous as (
    select
        {% for column in kept %}invoice_lines.{{ column }},
        {% endfor -%}
        invoice_lines.category_code
    from invoice_lines
    where
        invoice_lines.match_ambiguous
        and invoice_lines.supplier_id in (
            select terms.supplier_id
            from {{ ref('int_contract_terms') }} as terms
            where terms.ceiling_value is not null
        )
),

fits as (
    {% for entitlements in ['int_category_entitlements', 'int_contract_entitlements'] %}
    select
        ambiguous.*,
        entitlements.contract_id as fit_id
    from ambiguous
    inner join {{ ref(entitlements) }} as entitlements
        on
            ambiguous.supplier_id = entitlements.supplier_id
            and ambiguous.buyer_unit_id = entitlements.unit_id
            and ambiguous.invoice_date >= entitlements.valid_from
            and ambiguous.invoice_date <= entitlements.valid_until
            {% if loop.first %}
            and ambiguous.category_code = entitlements.category_code
            {% else %}
            and ambiguous.category_code is null
            {% endif %}
    {{ 'union all' if loop.first }}
    {% endfor %}
),

-- The lines that could be on a contract with a ceiling.
candidates as (
    select
        {% for column in kept %}{{ column }},
        {% endfor -%}
        fit_id as on_id
    from fits
    where fit_id in (select ceilings.contract_id from ceilings)
),

-- By day first: on most days every line is below the ceiling or above it, whatever the others are.
by_day as (
    select
        contract_id as on_id,
        invoice_date,
        sum(amount_net) as certain_amount,
        sum(greatest(amount_net, 0)) as certain_debits,
        sum(least(amount_net, 0)) as certain_credits,
        0 as most_amount,
        0 as least_amount
    from invoice_lines
    where
        not match_ambiguous
        and contract_id in (select candidates.on_id from candidates)
    group by contract_id, invoice_date
    union all
    select
        on_id,
        invoice_date,
        0 as certain_amount,
        0 as certain_debits,
        0 as certain_credits,
        sum(greatest(amount_net, 0)) as most_amount,
        sum(least(amount_net, 0)) as least_amount
    from candidates
    group by on_id, invoice_date
),

days as (
    select
        on_id,
        invoice_date,
        {% for sum in ['certain_amount', 'certain_debits', 'certain_credits', 'most_amount', 'least_amount'] %}
        sum({{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from by_day
    group by on_id, invoice_date
),

-- What is called off before a day, of what is certain, and the least and most that the others can have added.
before_days as (
    select
        days.*,
        ceilings.ceiling_value,
        {% for sum in ['certain_amount', 'most_amount', 'least_amount'] %}
        coalesce(
            sum(days.{{ sum }}) over (
                partition by days.on_id order by days.invoice_date
                rows between unbounded preceding and 1 preceding
            ), 0
        ) as {{ sum }}_before{{ ',' if not loop.last }}
        {% endfor %}
    from days
    inner join ceilings on days.on_id = ceilings.contract_id
),

told_days as (
    select
        *,
        certain_amount_before + certain_credits + least_amount_before + least_amount > ceiling_value as is_over_day,
        certain_amount_before + certain_debits + most_amount_before + most_amount <= ceiling_value as is_under_day
    from before_days
),

open_days as (
    select *
    from told_days
    where
        not is_over_day
        and not is_under_day
),

-- On the days that are left, line by line in the order of the ladder.
events as (
    select
        false as is_certain,
        open_days.on_id,
        open_days.ceiling_value,
        open_days.certain_amount_before,
        open_days.most_amount_before,
        open_days.least_amount_before{% for column in kept %},
        candidates.{{ column }}{% endfor %}
    from candidates
    inner join open_days
        on
            candidates.on_id = open_days.on_id
            and candidates.invoice_date = open_days.invoice_date
    union all
    select
        true as is_certain,
        open_days.on_id,
        open_days.ceiling_value,
        open_days.certain_amount_before,
        open_days.most_amount_before,
        open_days.least_amount_before{% for column in kept %},
        invoice_lines.{{ column }}{% endfor %}
    from invoice_lines
    inner join open_days
        on
            invoice_lines.contract_id = open_days.on_id
            and invoice_lines.invoice_date = open_days.invoice_date
    where not invoice_lines.match_ambiguous
),

sums as (
    select
        *,
        {% for sum, amount in [
            ('certain', 'case when is_certain then amount_net else 0 end'),
            ('most', 'case when is_certain then 0 else greatest(amount_net, 0) end'),
            ('least', 'case when is_certain then 0 else least(amount_net, 0) end'),
        ] %}
        {{ sum }}_amount_before + sum({{ amount }}) over in_order as {{ sum }}_amount{{ ',' if not loop.last }}
        {% endfor %}
    from events
    window in_order as (
        partition by on_id, invoice_date
        order by booking_date, buyer_unit_id, invoice_id, line_no, fiscal_year
        rows between unbounded preceding and current row
    )
),

-- A line that could be elsewhere is itself there: its own amount counts on both sides.
judged as (
    select
        on_id,
        is_certain{% for column in kept %},
        {{ column }}{% endfor %},
        certain_amount + least_amount + case when is_certain then 0 else greatest(amount_net, 0) end
        > ceiling_value as is_over_surely,
        certain_amount + most_amount + case when is_certain then 0 else least(amount_net, 0) end
        > ceiling_value as is_over_possibly
    from sums
    union all
    select
        candidates.on_id,
        false as is_certain{% for column in kept %},
        candidates.{{ column }}{% endfor %},
        true as is_over_surely,
        true as is_over_possibly
    from candidates
    inner join told_days
        on
            candidates.on_id = told_days.on_id
            and candidates.invoice_date = told_days.invoice_date
            and told_days.is_over_day
),

-- Doubt about a line: a certain one by itself, another over all contracts that fit; without a ceiling one is never over.
doubts as (
    select
        booking_date,
        member_code,
        category_group,
        supplier_id,
        amount_net,
        compliance_class
    from judged
    where
        is_certain
        and is_over_possibly
        and not is_over_surely
    union all
    select
        any_value(judged.booking_date) as booking_date,
        any_value(judged.member_code) as member_code,
        any_value(judged.category_group) as category_group,
        any_value(judged.supplier_id) as supplier_id,
        any_value(judged.amount_net) as amount_net,
        any_value(judged.compliance_class) as compliance_class
    from judged
    inner join (
        select
            {% for column in line_key %}{{ column }},
            {% endfor -%}
            count(*) as fitting
        from fits
        group by {{ line_key | join(', ') }}
    ) as counted
        on
            {% for column in line_key -%}
            {{ 'and ' if not loop.first }}judged.{{ column }} = counted.{{ column }}
            {% endfor %}
    where not judged.is_certain
    group by {% for column in line_key %}judged.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    having
        bool_or(judged.is_over_possibly)
        and count(*) filter (where judged.is_over_surely) < min(counted.fitting)
),

-- Contracts that could be exceeded, by place: those of the open days, and what is above for certain on the others.
exceeded as (
    select
        on_id,
        cast(date_trunc('month', booking_date) as date) as month,
        member_code,
        category_group,
        supplier_id,
        bool_or(compliance_class = 'over_ceiling' and contract_id = on_id) as is_over,
        -- Of a line that could be elsewhere it is not sure that it is on this contract.
        bool_or(is_over_surely and is_certain) as is_over_surely
    from judged
    where is_over_possibly
    group by all
),

above as (
    select
        invoice_lines.contract_id as on_id,
        cast(date_trunc('month', invoice_lines.booking_date) as date) as month,
        invoice_lines.member_code,
        invoice_lines.category_group,
        invoice_lines.supplier_id
    from invoice_lines
    inner join told_days
        on
            invoice_lines.contract_id = told_days.on_id
            and invoice_lines.invoice_date = told_days.invoice_date
            and told_days.is_over_day
    where
        invoice_lines.compliance_class = 'over_ceiling'
        and not invoice_lines.match_ambiguous
        and told_days.on_id in (
            select exceeded.on_id
            from exceeded
            where not exceeded.is_over_surely
        )
    group by all
),

measures as (
    select
        cast(date_trunc('month', booking_date) as date) as month,
        member_code,
        category_group,
        supplier_id,
        cast(null as varchar) as on_id,
        sum(
            least(amount_net, 0) - case when compliance_class = 'over_ceiling' then amount_net else 0 end
        ) as low_change,
        sum(
            greatest(amount_net, 0) - case when compliance_class = 'over_ceiling' then amount_net else 0 end
        ) as high_change,
        false as is_over,
        false as is_over_surely
    from doubts
    group by all
    union all by name
    select * from exceeded
    union all by name
    select
        *,
        true as is_over,
        true as is_over_surely
    from above
),

levels as (
    select unnest(['total', 'group', 'supplier']) as level
),

wholes as (
    select unnest([true, false]) as is_whole
),

placed as (
    select
        measures.* exclude (member_code, category_group, supplier_id),
        periods.period_type,
        periods.period,
        case when wholes.is_whole then 'ALL' else measures.member_code end as member_code,
        case when levels.level = 'group' then measures.category_group else 'ALL' end as category_group,
        case when levels.level = 'supplier' then measures.supplier_id else 'ALL' end as supplier_id
    from measures
    inner join {{ ref('dim_period') }} as periods
        on
            measures.month >= periods.period_start
            and measures.month <= periods.period_end
    inner join levels
        on
            levels.level = 'total'
            or (levels.level = 'group' and measures.category_group is not null)
            or (levels.level = 'supplier' and periods.period_type in ('quarter', 'year'))
    inner join wholes on wholes.is_whole or measures.member_code is not null
)

select
    period_type,
    period,
    member_code,
    category_group,
    supplier_id,
    cast(coalesce(sum(low_change), 0) as decimal(18, 2)) as low_change,
    cast(coalesce(sum(high_change), 0) as decimal(18, 2)) as high_change,
    count(distinct on_id) filter (where is_over_surely) - count(distinct on_id) filter (where is_over)
        as contracts_low_change,
    count(distinct on_id) - count(distinct on_id) filter (where is_over) as contracts_high_change
from placed
group by period_type, period, member_code, category_group, supplier_id
having
    coalesce(sum(low_change), 0) <> 0
    or coalesce(sum(high_change), 0) <> 0
    or contracts_low_change <> 0
    or contracts_high_change <> 0
