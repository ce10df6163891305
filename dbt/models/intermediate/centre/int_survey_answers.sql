with

survey_answers as (
    select * from {{ ref('stg_survey_answers') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
)

select
    survey_answers.survey || '|' || survey_answers.respondent_id || '|' || survey_answers.question_id
        as answer_record_id,
    survey_answers.survey,
    survey_answers.answered_date,
    survey_answers.procurement_id,
    survey_answers.member_code,
    -- The answer's place on its own scale, from 0 to 1; a scale without length has none.
    cast(
        (survey_answers.score - survey_answers.scale_min)
        / nullif(survey_answers.scale_max - survey_answers.scale_min, 0) as decimal(38, 10)
    ) as score_share,
    survey_answers.source_file,
    survey_answers.source_row
from survey_answers
cross join settings
where survey_answers.answered_date <= settings.as_of
