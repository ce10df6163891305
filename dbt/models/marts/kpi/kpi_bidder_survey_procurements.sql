with

answers as (
    select * from {{ ref('int_survey_answers') }} where survey = 'nai'
),

procurements as (
    select * from {{ ref('int_procurements') }}
),

-- A procurement is a record on every day that somebody answered; distinct procurements are what is counted.
judged as (
    select distinct
        answers.procurement_id as record_id,
        answers.answered_date as event_date,
        case
            when procurements.procurement_id is null then 'unknown:procurement'
            else procurements.scope_exclusion
        end as exclusion
    from answers
    left join procurements on answers.procurement_id = procurements.procurement_id
    where answers.procurement_id is not null
)

select
    record_id,
    event_date,
    case when exclusion is null then 1 end as numerator,
    cast(null as integer) as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
