-- The loops over the rules and the plans are laid out for reading, not for the SQL that they unroll to.
-- noqa: disable=LT02, LT05, ST03, RF02
-- Weaknesses in the board's own target setting. Each rule is one part of `findings`; its words stand in the YAML.
{% set forever = "date '9999-12-31'" %}
with
catalogue as (select * from {{ ref('kpi_catalogue') }}),

settings as (select organisation from {{ source('run', 'settings') }}),

targets as (
    select
        targets.plan_id,
        targets.kpi_id,
        targets.member_code,
        targets.valid_from,
        coalesce(targets.valid_to, {{ forever }}) as valid_to,
        targets.operator,
        targets.target_value,
        targets.note,
        targets.operator not in ('baseline', 'measure') as is_aim,
        catalogue.unit,
        catalogue.concept,
        catalogue.same_over_another_basis,
        catalogue.area,
        catalogue.is_index,
        catalogue.stands_for
    from {{ ref('stg_targets') }} as targets
    inner join settings on targets.organisation = settings.organisation
    inner join catalogue on targets.kpi_id = catalogue.kpi_id
),

aims as (select * from targets where is_aim),

plans as (
    select
        plan_id,
        min(valid_from) as starts,
        max(valid_to) as ends
    from targets
    group by plan_id
),

-- What the organisation's own plan names, in its text or in its table of indicators.
named as (
    select
        catalogue.*,
        starts_with(catalogue.source_document, documents.plan_text) as is_in_text
    from catalogue
    inner join (
        {% for document in var('plan_documents') %}
            select
                '{{ document.organisation }}' as organisation,
                '{{ document.text }}' as plan_text,
                '{{ document.table }}' as plan_table
            {% if not loop.last %} union all {% endif %}
        {% endfor %}
    ) as documents
        on
            starts_with(catalogue.source_document, documents.plan_text)
            or starts_with(catalogue.source_document, documents.plan_table)
    inner join settings on documents.organisation = settings.organisation
),

-- The plans that aim at a concept or an area, each with the one before it.
topics as (
    select
        concept as topic,
        plan_id
    from aims
    where concept is not null
    union
    select
        area as topic,
        plan_id
    from aims
    where area is not null
),

successions as (
    select
        topics.topic,
        topics.plan_id,
        lag(topics.plan_id) over (partition by topics.topic order by plans.starts, plans.plan_id) as earlier_plan
    from topics
    inner join plans on topics.plan_id = plans.plan_id
),

-- Values that were known of an indicator, with the day from which they were known at the latest.
known as (
    select
        outcomes.kpi_id,
        make_date(cast(left(outcomes.period, 4) as integer), 12, 31) as known_from
    from {{ ref('stg_published_outcomes') }} as outcomes
    inner join settings on outcomes.organisation = settings.organisation
    where regexp_matches(outcomes.period, '^[0-9]{4}')
    union all
    select
        kpi_id,
        period_end as known_from
    from {{ ref('kpi_values') }}
    where period_type = 'year' and member_code = 'ALL' and category_group = 'ALL' and actual is not null
),

in_use as (
    select
        kpi_id,
        same_over_another_basis
    from named
    union
    select
        kpi_id,
        same_over_another_basis
    from aims
),

findings as (
    select
        'several_denominators' as rule,
        aims.kpi_id,
        arg_max(aims.plan_id, aims.valid_from) as plan_id,
        other.kpi_id as other_kpi_id,
        cast(null as varchar) as earlier_plan,
        cast(null as decimal(18, 6)) as target_value,
        cast(null as decimal(18, 6)) as earlier_value,
        cast(null as date) as day
    from aims
    inner join in_use as other
        on
            aims.kpi_id = other.same_over_another_basis
            -- Where both have targets the pair is told once.
            or (
                aims.same_over_another_basis = other.kpi_id
                and other.kpi_id not in (select aimed.kpi_id from aims as aimed)
            )
    group by aims.kpi_id, other.kpi_id

    union all by name
    select
        'split_between_plans' as rule,
        parts.kpi_id,
        parts.plan_id,
        arg_min(whole.kpi_id, whole.kpi_id) as other_kpi_id,
        successions.earlier_plan,
        parts.target_value,
        min(whole.target_value) as earlier_value
    from successions
    inner join aims as parts
        on
            successions.topic = parts.area
            and successions.plan_id = parts.plan_id
            and parts.member_code is null
    inner join aims as whole
        on
            successions.topic = whole.area
            and successions.earlier_plan = whole.plan_id
            and whole.member_code is null
    where
        (
            select count(distinct counted.kpi_id) from aims as counted
            where counted.area = successions.topic and counted.plan_id = successions.plan_id
        ) > 1
    group by parts.kpi_id, parts.plan_id, successions.earlier_plan, parts.target_value
    having count(distinct whole.kpi_id) = 1 and min(whole.target_value) <> parts.target_value

    union all by name
    select distinct
        'count_became_share' as rule,
        later.kpi_id,
        later.plan_id,
        earlier.kpi_id as other_kpi_id,
        successions.earlier_plan
    from successions
    inner join aims as later on successions.topic = later.concept and successions.plan_id = later.plan_id
    inner join aims as earlier
        on successions.topic = earlier.concept and successions.earlier_plan = earlier.plan_id
    where
        later.unit = 'share'
        and earlier.unit = 'count'
        and earlier.kpi_id not in (select kept.kpi_id from aims as kept where kept.plan_id = later.plan_id)

    union all by name
    select
        'count_where_plan_says_share' as rule,
        kpi_id,
        plan_id,
        target_value
    from aims
    where
        unit = 'count'
        and ((target_value > 0 and target_value < 1) or {{ noted('count_where_plan_says_share') }})

    union all by name
    select
        'target_without_unit' as rule,
        kpi_id,
        plan_id,
        target_value
    from aims
    where unit = 'share' and abs(target_value) > 1

    union all by name
    select
        'target_without_value' as rule,
        kpi_id,
        plan_id
    from aims
    where operator <> 'decrease' and target_value is null

    union all by name
    select
        'target_without_sign' as rule,
        kpi_id,
        plan_id,
        target_value
    from aims
    where operator = 'abs<'

    union all by name
    select
        'index_as_percentage' as rule,
        kpi_id,
        plan_id,
        target_value
    from aims
    where is_index and abs(target_value) <= 1

    union all by name
    select
        'two_targets_in_one_year' as rule,
        later.kpi_id,
        later.plan_id,
        earlier.plan_id as earlier_plan,
        later.target_value,
        earlier.target_value as earlier_value,
        later.valid_from as day
    from aims as earlier
    inner join aims as later
        on
            earlier.kpi_id = later.kpi_id
            and earlier.member_code is not distinct from later.member_code
            and (earlier.valid_from, earlier.plan_id) < (later.valid_from, later.plan_id)
            and year(later.valid_from) <= year(earlier.valid_to)
    where (earlier.operator, earlier.target_value) is distinct from (later.operator, later.target_value)

    union all by name
    select
        'target_without_baseline' as rule,
        aims.kpi_id,
        aims.plan_id,
        aims.valid_from as day
    from aims
    where
        -- Silent where no earlier value of anything is known: then nothing can be said of this one.
        exists (select 1 from known where known.known_from < aims.valid_from)
        and aims.kpi_id not in (select known.kpi_id from known where known.known_from < aims.valid_from)

    union all by name
    select
        'target_ends_before_plan' as rule,
        aims.kpi_id,
        aims.plan_id,
        aims.valid_to as day
    from aims
    inner join plans on aims.plan_id = plans.plan_id
    where
        aims.valid_to < plans.ends
        and not exists (
            select 1 from targets as later
            where
                later.kpi_id = aims.kpi_id
                and later.member_code is not distinct from aims.member_code
                and later.valid_to > aims.valid_to
        )

    union all by name
    select
        'baseline_without_target' as rule,
        targets.kpi_id,
        targets.plan_id,
        targets.valid_to as day
    from targets
    inner join plans on targets.plan_id = plans.plan_id
    where
        targets.operator = 'baseline'
        and targets.valid_to < plans.ends
        and targets.kpi_id not in (
            select aims.kpi_id from aims where aims.valid_to > targets.valid_to
        )

    union all by name
    select
        'no_target' as rule,
        named.kpi_id,
        (select arg_max(plan_id, starts) from plans) as plan_id
    from named
    where
        (
            named.is_in_text
            or named.concept in (select told.concept from named as told where told.is_in_text)
        )
        and exists (select 1 from plans)
        and not exists (
            select 1 from aims
            where aims.kpi_id = named.kpi_id or aims.concept = named.concept
        )

    union all by name
    select distinct
        'target_counts_more_than_it_stands_for' as rule,
        kpi_id,
        plan_id,
        stands_for as other_kpi_id
    from aims
    where stands_for is not null and stands_for not in (select aimed.kpi_id from aims as aimed)

    union all by name
    select
        'said_to_differ_by_member' as rule,
        common.kpi_id,
        common.plan_id
    from targets as common
    where
        common.member_code is null
        and {{ noted('said_to_differ_by_member') }}
        and not exists (
            select 1 from targets as own
            where own.kpi_id = common.kpi_id and own.plan_id = common.plan_id and own.member_code is not null
        )
),

words as (
    {% for rule, declared in lint_rules().items() %}
        select
            '{{ rule }}' as rule,
            {{ literal(declared.message_sv) }} as message_sv,
            {{ literal(declared.message_en) }} as message_en
        union all
    {% endfor %}
    select
        null as rule,
        null as message_sv,
        null as message_en
    where false
)

select distinct
    findings.rule,
    findings.kpi_id,
    findings.plan_id,
    {% for language, mark in (('sv', ','), ('en', '.')) %}
    {% set places = {
        'name': 'catalogue.name_' ~ language,
        'other': 'other.name_' ~ language,
        'plan': 'findings.plan_id',
        'earlier_plan': 'findings.earlier_plan',
        'target': target_in_words('findings.target_value', 'catalogue.unit', mark),
        'earlier_target': target_in_words('findings.earlier_value', 'catalogue.unit', mark),
        'day': 'cast(findings.day as varchar)',
    } %}
    {% set filled = namespace(sql='words.message_' ~ language) %}
    {% for place, value in places.items() %}
        {% set filled.sql = 'replace(' ~ filled.sql ~ ", '{" ~ place ~ "}', coalesce(" ~ value ~ ", ''))" %}
    {% endfor %}
    {{ filled.sql }} as message_{{ language }}
    {% if not loop.last %}, {% endif %}
    {% endfor %}
from findings
inner join words on findings.rule = words.rule
inner join catalogue on findings.kpi_id = catalogue.kpi_id
left join catalogue as other on findings.other_kpi_id = other.kpi_id
