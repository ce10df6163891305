with

procurements as (
    select * from {{ ref('int_procurements') }}
),

judged as (
    select
        procurements.procurement_id as record_id,
        procurements.cancelled_date as event_date,
        procurements.scope_exclusion as exclusion
    from procurements
    where procurements.cancelled_date is not null
)

select
    record_id,
    event_date,
    case when exclusion is null then 1 end as numerator,
    cast(null as integer) as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
