-- The loop over the indicators is laid out for reading, not for the SQL that it unrolls to.
-- noqa: disable=LT02, LT05, ST03, RF02
-- The first and last day on which some evidence is placed. One row; NULL where there is none.
{{ depends_on_every_indicator() }}
-- depends_on: {{ ref('int_ledger_cells') }}
{{ config(materialized='table') }}
select
    min(dates.event_date) as first_date,
    max(dates.event_date) as last_date
from (
    -- Validity places nothing in a period.
    select evidence.event_date
    from {{ ref('int_evidence') }} as evidence
    inner join {{ ref('kpi_catalogue') }} as catalogue on evidence.kpi_id = catalogue.kpi_id
    where catalogue.period_rule is distinct from 'in_force_at_end'
    {% for kpi_id in var('indicators') %}
        {% if indicator(kpi_id).get('own_dimensions') %}
            union all
            (
                select unnest([min(event_date), max(event_date)]) as event_date
                from {{ evidence_by_month(kpi_id) }}
                where
                    event_date <= (select as_of from {{ source('run', 'settings') }})
                    and '{{ kpi_id }}' in (select kpi_id from {{ ref('kpi_catalogue') }} where is_live)
            )
        {% endif %}
                    {% endfor %}
) as dates
