-- The loop over the indicators is laid out for reading, not for the SQL that it unrolls to.
-- noqa: disable=LT02, LT05, ST03, RF02
-- The one reading of the ledger for figures that add up over months. One row per indicator, month, member, group and
-- cluster: enough for the figure, its coverage and its interval. The clusters are suppliers, put at random into so many
-- groups that their spread is known and so few that what follows does not grow with the ledger.
{{ depends_on_every_indicator() }}
-- depends_on: {{ ref('int_ledger_cells') }}
{{ config(materialized='table') }}
with
settings as (select as_of from {{ source('run', 'settings') }}),

ledgers as (
                {% set ns = namespace(first=true) %}
    {% for kpi_id in var('indicators') %}
                            {% set kpi = indicator(kpi_id) %}
        {% if kpi.get('own_dimensions') and kpi.get('aggregation') in ['ratio', 'sum'] %}
            {% if not ns.first %} union all {% endif %}
                                        {% set ns.first = false %}
            select
                '{{ kpi_id }}' as kpi_id,
                member_code,
                category_group,
                cluster_id,
                cast(date_trunc('month', event_date) as date) as month_start,
                cast(sum(numerator) filter (where exclusion is null) as decimal(38, 10)) as numerator,
                cast(sum(denominator) filter (where exclusion is null) as decimal(38, 10)) as denominator,
                cast(sum(records) filter (where exclusion is null) as bigint) as counted,
                cast(sum(known_weight) as decimal(38, 10)) as known_weight,
                cast(sum(unknown_weight) as decimal(38, 10)) as unknown_weight
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
            null as cluster_id,
            null as month_start,
            null as numerator,
            null as denominator,
            null as counted,
            null as known_weight,
            null as unknown_weight
        where false
    {% endif %}
),

-- The digest is taken once of each cluster, not of each of its months.
groups as (
    select
        cluster_id,
        {{ random_group('cluster_id') }} as random_group
    from (select distinct cluster_id from ledgers) as clusters
)

select
    ledgers.kpi_id,
    ledgers.member_code,
    ledgers.category_group,
    groups.random_group as cluster_id,
    ledgers.month_start,
    sum(ledgers.numerator) as numerator,
    sum(ledgers.denominator) as denominator,
    sum(ledgers.counted) as counted,
    sum(ledgers.known_weight) as known_weight,
    sum(ledgers.unknown_weight) as unknown_weight
from ledgers
left join groups on ledgers.cluster_id = groups.cluster_id
group by all
