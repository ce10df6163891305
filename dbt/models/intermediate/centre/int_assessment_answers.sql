with

answers as (
    select * from {{ ref('stg_maturity_answers') }}
),

questions as (
    select * from {{ ref('int_assessment_questions') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
),

placed as (
    select
        questions.assessment,
        answers.assessment_id,
        answers.organisation_name,
        answers.respondent_id,
        answers.role,
        answers.answered_date,
        questions.item_id,
        questions.weight,
        answers.answer,
        list_contains(questions.answers, cast(answers.answer as decimal(18, 6))) as is_on_scale
    from answers
    inner join questions on answers.question_id = questions.question_id
    cross join settings
    where answers.answered_date <= settings.as_of
)

select
    assessment,
    assessment_id,
    organisation_name,
    respondent_id,
    -- A respondent answers in one role.
    min(role) over (partition by assessment, assessment_id, organisation_name, respondent_id) as role,
    answered_date,
    item_id,
    weight,
    case when is_on_scale then cast(answer as decimal(18, 6)) end as answer,
    is_on_scale
from placed
