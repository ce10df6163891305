with

procurements as (
    select * from {{ ref('int_procurements') }}
),

requirements as (
    select * from {{ ref('int_procurement_requirements') }} where area = 'organic_food'
),

judged as (
    select
        procurements.procurement_id as record_id,
        procurements.announced_date as event_date,
        cast(requirements.level_rank >= 1 as integer) as value,
        case
            when not procurements.is_in_scope then procurements.scope_exclusion
            when procurements.is_food is null then 'unknown:food'
            when not procurements.is_food then 'not_applicable:not_food'
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
