with

procurements as (
    select * from {{ ref('int_procurements') }}
),

judged as (
    select
        procurement_id as record_id,
        planned_completion_date as event_date,
        completed_date,
        scope_exclusion as exclusion
    from procurements
    where planned_completion_date is not null
)

select
    record_id,
    event_date,
    case when exclusion is null then cast(completed_date is not null as integer) end as numerator,
    case when exclusion is null then 1 end as denominator,
    exclusion,
    {{ coverage_by_record() }},
    -- The numerator counts from the day the procurement was completed.
    completed_date as counts_from
from judged
