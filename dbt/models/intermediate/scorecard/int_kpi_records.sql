-- The loop over the indicators is laid out for reading, not for the SQL that it unrolls to.
-- noqa: disable=LT02, LT05, ST03, RF02
-- One row per indicator, member, group, month and record, for figures that do not add up over months: distinct
-- counts, medians and states on a day. The published combinations only.
{{ depends_on_every_indicator() }}
-- depends_on: {{ ref('int_ledger_cells') }}
{{ config(materialized='table') }}
with
catalogue as (select * from {{ ref('kpi_catalogue') }} where is_live),

settings as (select as_of from {{ source('run', 'settings') }}),

registers as (
    select
        evidence.kpi_id,
        evidence.member_code,
        evidence.category_group,
        evidence.event_date,
        evidence.record_id,
        evidence.cluster_id,
        evidence.numerator,
        evidence.denominator,
        evidence.exclusion is null as is_counted,
        cast(evidence.known_weight as decimal(38, 10)) as known_weight,
        cast(evidence.unknown_weight as decimal(38, 10)) as unknown_weight,
        evidence.counts_from,
        evidence.counts_until
    from {{ ref('int_evidence') }} as evidence
    inner join catalogue on evidence.kpi_id = catalogue.kpi_id
    where catalogue.aggregation in ('count_distinct', 'median') or catalogue.period_rule is not null
),

-- A ledger's distinct records are first brought to one row per month.
ledgers as (
                {% set ns = namespace(first=true) %}
    {% for kpi_id in var('indicators') %}
                            {% set kpi = indicator(kpi_id) %}
        {% if kpi.get('own_dimensions') and kpi.get('aggregation') == 'count_distinct' %}
            {% if not ns.first %} union all {% endif %}
                                        {% set ns.first = false %}
            select
                '{{ kpi_id }}' as kpi_id,
                member_code,
                category_group,
                cast(date_trunc('month', event_date) as date) as event_date,
                case when exclusion is null then record_id end as record_id,
                case when exclusion is null then record_id end as cluster_id,
                cast(1 as decimal(38, 10)) as numerator,
                cast(null as decimal(38, 10)) as denominator,
                exclusion is null as is_counted,
                cast(sum(known_weight) as decimal(38, 10)) as known_weight,
                cast(sum(unknown_weight) as decimal(38, 10)) as unknown_weight,
                cast(null as date) as counts_from,
                cast(null as date) as counts_until
            from {{ evidence_by_month(kpi_id) }}
            where event_date <= (select settings.as_of from settings)
            group by all
        {% endif %}
    {% endfor %}
    {% if ns.first %}
        select
            null as kpi_id,
            null as member_code,
            null as category_group,
            null as event_date,
            null as record_id,
            null as cluster_id,
            null as numerator,
            null as denominator,
            null as is_counted,
            null as known_weight,
            null as unknown_weight,
            null as counts_from,
            null as counts_until
        where false
    {% endif %}
),

live_ledgers as (
    select ledgers.*
    from ledgers
    inner join catalogue on ledgers.kpi_id = catalogue.kpi_id
)

select
    kpi_id,
    member_code,
    'ALL' as category_group,
    * exclude (kpi_id, member_code, category_group)
from registers
union all
select * from registers where member_code = 'ALL' and category_group is not null
{% for member, group in [("'ALL'", "'ALL'"), ('member_code', "'ALL'"), ("'ALL'", 'category_group')] %}
union all
select
    kpi_id,
    {{ member }} as member_code,
    {{ group }} as category_group,
    event_date,
    record_id,
    cluster_id,
    any_value(numerator) as numerator,
    any_value(denominator) as denominator,
    is_counted,
    sum(known_weight) as known_weight,
    sum(unknown_weight) as unknown_weight,
    any_value(counts_from) as counts_from,
    any_value(counts_until) as counts_until
from live_ledgers
where {{ member }} is not null and {{ group }} is not null
group by all
{% endfor %}
