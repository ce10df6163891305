{#- Evidence for a share of announced procurements that set a requirement. `at_least`: 1 any level, 2 advanced or
    spearhead. `among`: environment (where it is possible), food (food procurements) or all. -#}
{% macro share_with_requirement(area, at_least, among) -%}
with

procurements as (
    select * from {{ ref('int_procurements') }}
),

requirements as (
    select * from {{ ref('int_procurement_requirements') }} where area = '{{ area }}'
),

judged as (
    select
        procurements.procurement_id as record_id,
        procurements.announced_date as event_date,
        cast(requirements.level_rank >= {{ at_least }} as integer) as value,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            {% if among == 'environment' -%}
            when not procurements.is_environment_applicable then 'not_applicable:environment'
            {% elif among == 'food' -%}
            when procurements.is_food is null then 'unknown:food'
            when not procurements.is_food then 'not_applicable:not_food'
            {% endif -%}
            when requirements.level_rank is null then 'unknown:requirements'
        end as exclusion
    from procurements
    left join requirements on procurements.procurement_id = requirements.procurement_id
    where procurements.announced_date is not null
)

select
    record_id,
    event_date,
    case when exclusion is null then value end as numerator,
    case when exclusion is null then 1 end as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
{%- endmacro %}

{#- Evidence for a number of announced procurements that set a requirement, at any level. -#}
{% macro count_with_requirement(area) -%}
with

procurements as (
    select * from {{ ref('int_procurements') }}
),

requirements as (
    select * from {{ ref('int_procurement_requirements') }} where area = '{{ area }}'
),

judged as (
    select
        procurements.procurement_id as record_id,
        procurements.announced_date as event_date,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when requirements.level_rank is null then 'unknown:requirements'
            when requirements.level_rank < 1 then 'not_met:no_requirement'
        end as exclusion
    from procurements
    left join requirements on procurements.procurement_id = requirements.procurement_id
    where procurements.announced_date is not null
)

select
    record_id,
    event_date,
    case when exclusion is null then 1 end as numerator,
    cast(null as integer) as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
{%- endmacro %}
