{#- Evidence for figures over bids: the number of bids of each completed procurement, for its mean and its median. -#}
{% macro bids_per_procurement() -%}
with

procurements as (
    select * from {{ ref('int_procurements') }}
),

competition as (
    select * from {{ ref('int_procurement_competition') }}
),

judged as (
    select
        procurements.procurement_id as record_id,
        procurements.completed_date as event_date,
        competition.bid_count as value,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when competition.bid_count is null then 'unknown:bids'
        end as exclusion
    from procurements
    left join competition on procurements.procurement_id = competition.procurement_id
    where procurements.completed_date is not null
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

{#- The same over the lots of completed procurements. -#}
{% macro bids_per_lot() -%}
with

procurements as (
    select * from {{ ref('int_procurements') }}
),

lots as (
    select * from {{ ref('int_lot_competition') }}
),

judged as (
    select
        lots.lot_record_id as record_id,
        procurements.completed_date as event_date,
        lots.bid_count as value,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when lots.bid_count is null then 'unknown:bids'
        end as exclusion
    from procurements
    inner join lots on procurements.procurement_id = lots.procurement_id
    where procurements.completed_date is not null
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
