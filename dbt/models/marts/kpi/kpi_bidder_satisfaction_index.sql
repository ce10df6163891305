with

answers as (
    select * from {{ ref('int_survey_answers') }} where survey = 'nai'
),

judged as (
    select
        answer_record_id as record_id,
        answered_date as event_date,
        score_share as value,
        case when score_share is null then 'unknown:scale' end as exclusion
    from answers
)

select
    record_id,
    event_date,
    case when exclusion is null then value end as numerator,
    case when exclusion is null then 1 end as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
