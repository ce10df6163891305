{% set classes = ['on_contract', 'wild', 'uncovered', 'unclassified', 'excluded'] %}
{% set line_key = ['buyer_unit_id', 'fiscal_year', 'invoice_id', 'line_no'] %}

with

-- Read three times, each for a few of its lines, and too large to be kept in between.
invoice_lines as not materialized (
    select * from {{ ref('fct_invoice_line') }}
),

spellings as (
    select * from {{ ref('int_supplier_spellings') }}
    where supplier_match = 'unknown'
),

suppliers as (
    select * from {{ ref('stg_suppliers') }}
),

terms as (
    select * from {{ ref('int_contract_terms') }}
),

aliases as (
    select
        alias_kind,
        case
            when alias_kind = 'name' then {{ bare_name('alias') }}
            when alias_kind = 'bankgiro' then {{ bare_number('alias') }}
            else {{ bare_orgnr('alias') }}
        end as alias_key,
        supplier_id,
        likeness is null or confirmed as is_confirmed,
        confirmed is false as is_refused
    from {{ ref('stg_supplier_aliases') }}
),

old_numbers as (
    select
        alias_key,
        min(supplier_id) as supplier_id
    from aliases
    where
        alias_kind = 'orgnr'
        and is_confirmed
    group by alias_key
    having count(distinct supplier_id) = 1
),

-- Who is paid on which bankgiro, as far as the ledger states both; a factoring company is paid for many.
payees as (
    select distinct
        {{ bare_number('ledger_suppliers.supplier_bankgiro') }} as bare_bankgiro,
        coalesce(old_numbers.supplier_id, ledger_suppliers.supplier_id) as supplier_id
    from {{ ref('int_ledger_suppliers') }} as ledger_suppliers
    left join old_numbers on ledger_suppliers.supplier_id = old_numbers.alias_key
    where
        ledger_suppliers.supplier_id is not null
        and ledger_suppliers.supplier_bankgiro is not null
),

shared as (
    select
        bare_bankgiro,
        count(*) as payees
    from payees
    group by bare_bankgiro
),

proposals as (
    select
        similar_suppliers.alias_kind,
        similar_suppliers.alias_key,
        similar_suppliers.supplier_id,
        case when similar_suppliers.score = 1 then 'same_name' else 'similar_name' end as method,
        similar_suppliers.score
    from {{ ref('int_similar_suppliers') }} as similar_suppliers
    left join old_numbers
        on
            similar_suppliers.alias_kind = 'orgnr'
            and similar_suppliers.alias_key = old_numbers.alias_key
    where old_numbers.alias_key is null
    union all
    select
        'bankgiro' as alias_kind,
        payees.bare_bankgiro as alias_key,
        payees.supplier_id,
        'shared_bankgiro' as method,
        round(1.0 / shared.payees, 4) as score
    from payees
    inner join shared on payees.bare_bankgiro = shared.bare_bankgiro
    where
        payees.bare_bankgiro in (select spellings.bare_bankgiro from spellings)
        and payees.supplier_id not like 'PN-%'
),

-- What a person has said no to is not proposed again.
standing as (
    select proposals.*
    from proposals
    left join aliases
        on
            proposals.alias_kind = aliases.alias_kind
            and proposals.alias_key = aliases.alias_key
            and proposals.supplier_id = aliases.supplier_id
            and aliases.is_refused
    where aliases.alias_key is null
),

-- A name or bankgiro as the ledger writes it, and whether somebody is paid for others with it.
spelled as (
    select
        'name' as alias_kind,
        spellings.bare_name as alias_key,
        min(spellings.supplier_name) as alias,
        max(shared.payees) as payees
    from spellings
    left join shared on spellings.bare_bankgiro = shared.bare_bankgiro
    where spellings.bare_name is not null
    group by spellings.bare_name
    union all
    select
        'bankgiro' as alias_kind,
        spellings.bare_bankgiro as alias_key,
        min(spellings.supplier_bankgiro) as alias,
        max(shared.payees) as payees
    from spellings
    inner join shared on spellings.bare_bankgiro = shared.bare_bankgiro
    group by spellings.bare_bankgiro
),

meant as (
    select
        {% for column in line_key %}invoice_lines.{{ column }},
        {% endfor -%}
        'name' as alias_kind,
        names.bare_name as alias_key
    from invoice_lines
    inner join (
        select distinct
            supplier_name,
            bare_name
        from spellings
        where bare_name in (select standing.alias_key from standing)
    ) as names on coalesce(invoice_lines.supplier_name, '') = names.supplier_name
    where invoice_lines.supplier_match = 'unknown'
    union all
    select
        {% for column in line_key %}{{ column }},
        {% endfor -%}
        'orgnr' as alias_kind,
        supplier_id as alias_key
    from invoice_lines
    where
        supplier_match = 'id'
        and supplier_id in (select standing.alias_key from standing where standing.alias_kind = 'orgnr')
    union all
    select
        {% for column in line_key %}invoices.{{ column }},
        {% endfor -%}
        'bankgiro' as alias_kind,
        numbers.bare_bankgiro as alias_key
    from {{ ref('stg_invoices') }} as invoices
    inner join (
        select distinct
            supplier_bankgiro,
            bare_bankgiro
        from spellings
        where bare_bankgiro in (select standing.alias_key from standing)
    ) as numbers on invoices.supplier_bankgiro = numbers.supplier_bankgiro
    where invoices.supplier_id is null
),

member_suppliers as (
    select distinct orgnr as supplier_id
    from {{ ref('int_units') }}
    where
        is_member_unit
        and orgnr is not null
),

-- The ladder with the proposed supplier in place of the unknown one; ceilings are not counted again.
climbed as (
    select
        standing.alias_kind,
        standing.alias_key,
        standing.supplier_id,
        invoice_lines.buyer_unit_id,
        invoice_lines.fiscal_year,
        invoice_lines.invoice_id,
        invoice_lines.member_code,
        invoice_lines.booking_date,
        invoice_lines.amount_net,
        invoice_lines.compliance_class as class_before,
        case
            when member_suppliers.supplier_id is not null or invoice_lines.compliance_class = 'excluded'
                then 'excluded'
            when
                coalesce(
                    entitlements.contract_id,
                    case
                        when invoice_lines.category_code is not null then category_segments.contract_id
                        else supplier_segments.contract_id
                    end
                ) is not null
                then 'on_contract'
            when invoice_lines.category_code is null then 'unclassified'
            when covered_categories.unit_id is not null then 'wild'
            else 'uncovered'
        end as class_after
    from standing
    inner join meant
        on
            standing.alias_kind = meant.alias_kind
            and standing.alias_key = meant.alias_key
    inner join invoice_lines
        on
            (meant.alias_kind = 'orgnr' or invoice_lines.supplier_match = 'unknown')
            {% for column in line_key -%}
            and meant.{{ column }} = invoice_lines.{{ column }}
            {% endfor %}
    left join member_suppliers on standing.supplier_id = member_suppliers.supplier_id
    left join {{ ref('int_contract_entitlements') }} as entitlements
        on
            invoice_lines.named_contract_id = entitlements.contract_id
            and standing.supplier_id = entitlements.supplier_id
            and invoice_lines.buyer_unit_id = entitlements.unit_id
            and invoice_lines.invoice_date >= entitlements.valid_from
            and invoice_lines.invoice_date <= entitlements.valid_until
    left join {{ ref('int_category_segments') }} as category_segments
        on
            standing.supplier_id = category_segments.supplier_id
            and invoice_lines.buyer_unit_id = category_segments.unit_id
            and invoice_lines.category_code = category_segments.category_code
            and invoice_lines.invoice_date >= category_segments.from_date
            and invoice_lines.invoice_date <= category_segments.until_date
    left join {{ ref('int_supplier_segments') }} as supplier_segments
        on
            standing.supplier_id = supplier_segments.supplier_id
            and invoice_lines.buyer_unit_id = supplier_segments.unit_id
            and invoice_lines.invoice_date >= supplier_segments.from_date
            and invoice_lines.invoice_date <= supplier_segments.until_date
    left join {{ ref('int_covered_categories') }} as covered_categories
        on
            invoice_lines.buyer_unit_id = covered_categories.unit_id
            and invoice_lines.category_code = covered_categories.category_code
            and invoice_lines.invoice_date >= covered_categories.from_date
            and invoice_lines.invoice_date <= covered_categories.until_date
),

effects as (
    select
        alias_kind,
        alias_key,
        supplier_id,
        count(*) as invoice_lines,
        count(distinct row(buyer_unit_id, fiscal_year, invoice_id)) as invoices,
        sum(amount_net) as amount,
        min(booking_date) as first_booking_date,
        max(booking_date) as last_booking_date,
        string_agg(distinct member_code, ', ' order by member_code) as member_codes,
        {% for class in classes %}
        sum(
            case class_after when '{{ class }}' then amount_net else 0 end
            - case class_before when '{{ class }}' then amount_net else 0 end
        ) as {{ class }}_change,
        {% endfor %}
        sum(case when class_after <> class_before then abs(amount_net) else 0 end) as effect_amount,
        coalesce(
            sum(abs(amount_net))
            filter (where class_before = 'unclassified' and class_after <> 'unclassified'), 0
        ) as known_gain,
        coalesce(
            sum(abs(amount_net)) filter (where class_before = 'unclassified' and class_after = 'excluded'), 0
        ) as excluded_gain
    from climbed
    group by alias_kind, alias_key, supplier_id
),

-- The whole ledger: its amounts by class, and what of its gross amount has a class.
totals as (
    select
        cast(sum(on_contract_amount) as double) as on_contract,
        cast(sum(on_contract_amount + over_ceiling_amount + wild_amount) as double) as area,
        cast(sum(wild_amount) as double) as wild,
        cast(
            sum(
                on_contract_amount + over_ceiling_amount + wild_amount + uncovered_amount
                + unclassified_amount
            ) as double
        ) as purchases
    from {{ ref('off_contract_rates') }}
    where
        period_type = 'year'
        and member_code = 'ALL'
        and category_group = 'ALL'
        and supplier_id = 'ALL'
),

gross as (
    select
        cast(sum(classified_gross_amount) as double) as known,
        cast(sum(classified_gross_amount + unclassified_gross_amount) as double) as purchases
    from {{ ref('fct_invoice') }}
),

held as (
    select
        supplier_id,
        count(distinct contract_id) as contracts,
        string_agg(distinct contract_id, ', ' order by contract_id) as contract_ids
    from terms
    group by supplier_id
),

parents as (
    select distinct group_parent_id as supplier_id
    from suppliers
    where group_parent_id is not null
)

select
    standing.alias_kind,
    coalesce(spelled.alias, standing.alias_key) as alias,
    standing.supplier_id,
    suppliers.supplier_name,
    standing.method,
    standing.score,
    count(*) over (partition by standing.alias_kind, standing.alias_key) as candidates,
    coalesce(spelled.payees > 1, false)
    or {{ is_factoring_name('spelled.alias') }}
    or {{ is_factoring_name('suppliers.supplier_name') }} as is_factoring,
    case
        when parents.supplier_id is not null then standing.supplier_id else suppliers.group_parent_id
    end as group_parent_id,
    effects.invoice_lines,
    effects.invoices,
    cast(effects.amount as decimal(18, 2)) as amount,
    effects.first_booking_date,
    effects.last_booking_date,
    effects.member_codes,
    coalesce(held.contracts, 0) as contracts,
    held.contract_ids,
    {% for class in classes %}
    cast(effects.{{ class }}_change as decimal(18, 2)) as {{ class }}_change_amount,
    {% endfor %}
    cast(effects.effect_amount as decimal(18, 2)) as effect_amount,
    (totals.wild + cast(effects.wild_change as double))
    / nullif(totals.area + cast(effects.on_contract_change + effects.wild_change as double), 0)
    - totals.wild / nullif(totals.area, 0) as off_contract_rate_value_change,
    (totals.on_contract + cast(effects.on_contract_change as double))
    / nullif(totals.area + cast(effects.on_contract_change + effects.wild_change as double), 0)
    - totals.on_contract / nullif(totals.area, 0) as contract_compliance_value_change,
    (totals.area + cast(effects.on_contract_change + effects.wild_change as double))
    / nullif(totals.purchases - cast(effects.excluded_change as double), 0)
    - totals.area / nullif(totals.purchases, 0) as contract_coverage_value_change,
    (gross.known + cast(effects.known_gain - effects.excluded_gain as double))
    / nullif(gross.purchases - cast(effects.excluded_gain as double), 0)
    - gross.known / nullif(gross.purchases, 0) as coverage_change
from standing
inner join effects
    on
        standing.alias_kind = effects.alias_kind
        and standing.alias_key = effects.alias_key
        and standing.supplier_id = effects.supplier_id
cross join totals
cross join gross
left join spelled
    on
        standing.alias_kind = spelled.alias_kind
        and standing.alias_key = spelled.alias_key
left join suppliers on standing.supplier_id = suppliers.supplier_id
left join parents on standing.supplier_id = parents.supplier_id
left join held on standing.supplier_id = held.supplier_id
order by
    effect_amount desc,
    standing.alias_kind asc,
    alias asc,
    standing.score desc,
    standing.supplier_id asc
