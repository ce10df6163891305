-- WRITE: which records the indicator rests on. One row per record: its id and date, what it adds to numerator and
-- denominator, and why it does not count (exclusion, as class:reason; NULL where it counts). Until then there is none.
with

procurements as (
    select * from {{ ref('int_procurements') }}
),

judged as (
    select
        procurements.procurement_id as record_id,
        procurements.completed_date as event_date,
        1 as value,
        procurements.scope_exclusion as exclusion
    from procurements
    where false
)

select
    record_id,
    event_date,
    case when exclusion is null then value end as numerator,
    case when exclusion is null then 1 end as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
