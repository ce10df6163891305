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

-- Every line that is on a contract with a ceiling for sure, or could be, where some line only could be.
events as (
    select
        fits.fit_id as on_id,
        false as is_certain{% for column in kept %},
        fits.{{ column }}{% endfor %}
    from fits
    where fits.fit_id in (select ceilings.contract_id from ceilings)
    union all
    select
        invoice_lines.contract_id as on_id,
        true as is_certain{% for column in kept %},
        invoice_lines.{{ column }}{% endfor %}
    from invoice_lines
    where
        not invoice_lines.match_ambiguous
        and invoice_lines.contract_id in (
            select fits.fit_id
            from fits
            where fits.fit_id in (select ceilings.contract_id from ceilings)
        )
),

-- A ceiling above the sum of all debits is never reached: those contracts need no sorting.
reachable as (
    select events.on_id
    from events
    inner join ceilings on events.on_id = ceilings.contract_id
    group by events.on_id
    having sum(greatest(events.amount_net, 0)) > min(ceilings.ceiling_value)
),

-- What is called off before and with a line: of what is certain, and the most and least that the others could add.
sums as (
    select
        *,
        {% for sum, amount in [
            ('certain', 'case when is_certain then amount_net else 0 end'),
            ('most', 'case when is_certain then 0 else greatest(amount_net, 0) end'),
            ('least', 'case when is_certain then 0 else least(amount_net, 0) end'),
        ] %}
        sum({{ amount }}) over in_order as {{ sum }}_amount{{ ',' if not loop.last }}
        {% endfor %}
    from events
    where on_id in (select reachable.on_id from reachable)
    window in_order as (
        partition by on_id
        order by invoice_date, booking_date, buyer_unit_id, invoice_id, line_no, fiscal_year
        rows between unbounded preceding and current row
    )
),

-- A line that could be elsewhere is itself there: its own amount counts on both sides.
judged as (
    select
        sums.*,
        sums.compliance_class = 'over_ceiling' and sums.contract_id = sums.on_id as is_over,
        sums.certain_amount
        + sums.least_amount
        + case when sums.is_certain then 0 else greatest(sums.amount_net, 0) end
        > ceilings.ceiling_value as is_over_surely,
        sums.certain_amount
        + sums.most_amount
        + case when sums.is_certain then 0 else least(sums.amount_net, 0) end
        > ceilings.ceiling_value as is_over_possibly
    from sums
    inner join ceilings on sums.on_id = ceilings.contract_id
),

counted as (
    select
        {% for column in line_key %}{{ column }},
        {% endfor -%}
        count(*) as fitting
    from fits
    group by {{ line_key | join(', ') }}
),

-- A line is surely over if it is so on each contract that fits; on one without a ceiling it never is.
lines as (
    select
        {% for column in line_key %}judged.{{ column }},
        {% endfor -%}
        any_value(judged.member_code) as member_code,
        any_value(judged.category_group) as category_group,
        any_value(judged.supplier_id) as supplier_id,
        any_value(judged.booking_date) as booking_date,
        any_value(judged.amount_net) as amount_net,
        any_value(judged.compliance_class) = 'over_ceiling' as is_over,
        bool_or(judged.is_over_possibly) as is_possible,
        count(*) filter (where judged.is_over_surely) = coalesce(any_value(counted.fitting), 1) as is_sure
    from judged
    left join counted
        on
            {% for column in line_key -%}
            {{ 'and ' if not loop.first }}judged.{{ column }} = counted.{{ column }}
            {% endfor %}
    group by {% for column in line_key %}judged.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
),

measures as (
    select
        booking_date,
        member_code,
        category_group,
        supplier_id,
        cast(null as varchar) as on_id,
        least(amount_net, 0) - case when is_over then amount_net else 0 end as low_change,
        greatest(amount_net, 0) - case when is_over then amount_net else 0 end as high_change,
        cast(null as boolean) as is_over,
        cast(null as boolean) as is_over_surely,
        cast(null as boolean) as is_over_possibly
    from lines
    where
        is_possible
        and not is_sure
    union all
    select
        booking_date,
        member_code,
        category_group,
        supplier_id,
        on_id,
        0 as low_change,
        0 as high_change,
        is_over,
        -- Of a line that could be elsewhere it is not sure that it is on this contract.
        is_over_surely and is_certain as is_over_surely,
        is_over_possibly
    from judged
    where is_over_possibly
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
            measures.booking_date >= periods.period_start
            and measures.booking_date <= periods.period_end
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
    cast(sum(low_change) as decimal(18, 2)) as low_change,
    cast(sum(high_change) as decimal(18, 2)) as high_change,
    count(distinct on_id) filter (where is_over_surely) - count(distinct on_id) filter (where is_over)
        as contracts_low_change,
    count(distinct on_id) filter (where is_over_possibly) - count(distinct on_id) filter (where is_over)
        as contracts_high_change
from placed
group by period_type, period, member_code, category_group, supplier_id
having
    sum(low_change) <> 0
    or sum(high_change) <> 0
    or contracts_low_change <> 0
    or contracts_high_change <> 0
