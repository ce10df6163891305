-- The loop over the indicators is laid out for reading, not for the SQL that it unrolls to.
-- noqa: disable=LT02, LT05, ST03, RF02
-- One row per live indicator, derived from the indicators' own YAML files.
{{ depends_on_every_indicator() }}
{% set words = [
    'name_sv', 'name_en', 'objective', 'unit', 'direction', 'basis', 'aggregation', 'definition_sv', 'definition_en',
    'numerator_sv', 'numerator_en', 'denominator_sv', 'denominator_en', 'left_out_sv', 'left_out_en',
    'weakness_sv', 'weakness_en', 'source_document', 'version', 'since', 'record_kind', 'period_rule', 'coverage_like',
    'concept', 'same_over_another_basis', 'area', 'stands_for',
] %}
with
deliveries as (select * from {{ source('run', 'deliveries') }}),

declared as (
    {% for kpi_id in var('indicators') %}
                            {% set kpi = indicator(kpi_id) %}
        {% if not loop.first %} union all {% endif %}
        select
            {{ loop.index }} as position,
            '{{ kpi_id }}' as kpi_id,
            {% for word in words %} {{ literal(kpi.get(word)) }} as {{ word }},
            {% endfor %}
            {{ 'true' if kpi.get('is_index') else 'false' }} as is_index,
            {{ 'true' if kpi.get('event_count') else 'false' }} as is_event_count,
            {{ 'true' if kpi.get('own_dimensions') else 'false' }} as has_own_dimensions,
            {{ (kpi.get('told_by') or []) | tojson | replace('"', "'") }}::varchar[] as told_by,
            {{ (kpi.get('requires') or []) | tojson | replace('"', "'") }}::varchar[] as requires,
            {{ (kpi.get('requires_any') or []) | tojson | replace('"', "'") }}::varchar[] as requires_any
    {% endfor %}
)

select
    declared.position,
    declared.kpi_id,
    {% for word in words %} declared.{{ word }},
    {% endfor %}
    declared.is_index,
    declared.is_event_count,
    declared.has_own_dimensions,
    array_to_string(declared.requires, ', ') as requires,
    array_to_string(declared.requires_any, ', ') as requires_any,
    not exists (
        select 1 from deliveries
        where
            list_contains(declared.requires, deliveries.source)
            -- That nothing happened is known only from the register of what happens, or a format that tells of it.
            and not (
                deliveries.is_register
                or (
                    deliveries.is_delivered
                    and (
                        not declared.is_event_count
                        or exists (
                            select 1 from deliveries as telling
                            where list_contains(declared.told_by, telling.source) and telling.is_delivered
                        )
                    )
                )
            )
    )
    and (
        len(declared.requires_any) = 0
        or exists (
            select 1 from deliveries
            where list_contains(declared.requires_any, deliveries.source) and deliveries.is_delivered
        )
    ) as is_live,
    coalesce(
        (
            select product(deliveries.accepted_share) from deliveries
            where list_contains(declared.requires || declared.requires_any, deliveries.source)
        ), 1
    ) as accepted_share
from declared
