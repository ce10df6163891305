-- The loop over the indicators is laid out for reading, not for the SQL that it unrolls to.
-- noqa: disable=LT02, LT05, ST03, RF02
-- depends_on: {{ ref('kpi_catalogue') }}
-- The records behind every figure. What rests on the ledger is a view over the ledger's facts, never a copy.
-- One row per indicator, record and member (ALL included).
{{ depends_on_every_indicator() }}
{{ config(materialized='view') }}
select
    kpi_id,
    record_kind,
    record_id,
    member_code,
    category_group,
    event_date,
    numerator,
    denominator,
    exclusion,
    source_file,
    source_row,
    counts_from,
    counts_until
from {{ ref('kpi_evidence_register') }}
{% for kpi_id in var('indicators') %}
    {% set kpi = indicator(kpi_id) %}
    {% if kpi.get('own_dimensions') %}
        union all by name
        select
            '{{ kpi_id }}' as kpi_id,
            '{{ kpi.get("record_kind") }}' as record_kind,
            ledger.record_id,
            dimensions.member_code,
            ledger.category_group,
            ledger.event_date,
            cast(ledger.numerator as decimal(38, 10)) as numerator,
            cast(ledger.denominator as decimal(38, 10)) as denominator,
            ledger.exclusion,
            ledger.source_file,
            ledger.source_row
        from {{ ref('kpi_' ~ kpi_id) }} as ledger
        cross join
            lateral (
                select ledger.member_code where ledger.member_code is not null
                union all
                select 'ALL' as member_code
            ) as dimensions
        inner join {{ ref('kpi_catalogue') }} as catalogue
            on catalogue.kpi_id = '{{ kpi_id }}' and catalogue.is_live
    {% endif %}
        {% endfor %}
