with

trainings as (
    select * from {{ ref('int_trainings') }}
),

-- The record is the trained member, on every day with a training; distinct members are what is counted.
judged as (
    select distinct
        trained_code as record_id,
        training_date as event_date,
        case when member_code is null then 'not_applicable:not_a_member' end as exclusion
    from trainings
)

select
    record_id,
    event_date,
    case when exclusion is null then 1 end as numerator,
    cast(null as integer) as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
