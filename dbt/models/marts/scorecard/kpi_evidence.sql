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
            coalesce(whole.member_code, ledger.member_code) as member_code,
            ledger.category_group,
            ledger.event_date,
            cast(ledger.numerator as decimal(38, 10)) as numerator,
            cast(ledger.denominator as decimal(38, 10)) as denominator,
            ledger.exclusion,
            ledger.source_file,
            ledger.source_row
        from {{ ref('kpi_' ~ kpi_id) }} as ledger
        -- Every row twice, beside two constants: a look at the rows of its own for each row costs six times as much.
        cross join (values ('ALL'), (null)) as whole (member_code)
        inner join {{ ref('kpi_catalogue') }} as catalogue
            on catalogue.kpi_id = '{{ kpi_id }}' and catalogue.is_live
        where whole.member_code is not null or ledger.member_code is not null
    {% endif %}
        {% endfor %}
