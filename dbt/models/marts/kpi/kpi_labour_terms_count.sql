with

procurements as (
    select * from {{ ref('int_procurements') }}
),

requirements as (
    select * from {{ ref('int_procurement_requirements') }} where area = 'labour_terms'
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
