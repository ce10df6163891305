-- The loop over the indicators is laid out for reading, not for the SQL that it unrolls to.
-- noqa: disable=LT02, LT05, ST03, RF02
-- The evidence of every indicator over registers, with the members and the group of its record.
{{ depends_on_every_indicator() }}
{{ config(materialized='table') }}
with
dimensions as (select * from {{ ref('int_record_dimensions') }}),

live as (select kpi_id from {{ ref('kpi_catalogue') }} where is_live),

settings as (select as_of from {{ source('run', 'settings') }}),

evidence as (
                {% set ns = namespace(first=true) %}
    {% for kpi_id in var('indicators') %}
                            {% set kpi = indicator(kpi_id) %}
        {% if not kpi.get('own_dimensions') %}
            {% if not ns.first %} union all {% endif %}
                                        {% set ns.first = false %}
            select
                '{{ kpi_id }}' as kpi_id,
                '{{ kpi.get("record_kind") }}' as record_kind,
                record_id,
                event_date,
                cast(numerator as decimal(38, 10)) as numerator,
                cast(denominator as decimal(38, 10)) as denominator,
                exclusion,
                known_weight,
                unknown_weight,
                {{ 'counts_from' if kpi.get('period_rule') in ['stock_at_end', 'in_force_at_end', 'sampled_period'] else 'cast(null as date)' }}
                    as counts_from,
                {{ 'counts_until' if kpi.get('period_rule') in ['in_force_at_end', 'sampled_period'] else 'cast(null as date)' }}
                    as counts_until
            from {{ ref('kpi_' ~ kpi_id) }}
        {% endif %}
    {% endfor %}
)

select
    evidence.*,
    dimensions.member_code,
    dimensions.category_group,
    dimensions.cluster_id,
    dimensions.source_file,
    dimensions.source_row
from evidence
inner join live on evidence.kpi_id = live.kpi_id
inner join dimensions
    on evidence.record_kind = dimensions.record_kind and evidence.record_id = dimensions.record_id
cross join settings
where evidence.event_date <= settings.as_of
