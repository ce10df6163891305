with

answers as (
    select * from {{ ref('int_assessment_answers') }} where assessment = 'dalarna_model'
),

items as (
    select * from {{ ref('int_assessment_questions') }} where assessment = 'dalarna_model'
),

levels as (
    select
        listed.level_rank,
        listed.level
    from (values (0, 'none'), (1, 'satisfactory'), (2, 'very_satisfactory'), (3, 'excellent'))
        as listed (level_rank, level)
),

assessments as (
    select
        assessment_id,
        organisation_name,
        min(answered_date) as first_answered,
        count(distinct respondent_id) as respondents
    from answers
    group by assessment_id, organisation_name
),

-- The highest level that more than half of the respondents say is reached.
reached as (
    select
        assessment_id,
        organisation_name,
        item_id,
        quantile_disc(answer, 0.5) as level_rank
    from answers
    where answer is not null
    group by assessment_id, organisation_name, item_id
),

judged as (
    select
        assessments.assessment_id,
        assessments.organisation_name,
        assessments.first_answered,
        assessments.respondents,
        items.part,
        items.perspective,
        items.position,
        items.item_id || ' ' || items.label_sv as item,
        reached.level_rank
    from assessments
    cross join items
    left join reached
        on
            assessments.assessment_id = reached.assessment_id
            and assessments.organisation_name = reached.organisation_name
            and items.item_id = reached.item_id
),

counted as (
    select
        judged.assessment_id,
        judged.organisation_name,
        judged.first_answered,
        judged.respondents,
        judged.part as step,
        judged.perspective,
        levels.level_rank,
        levels.level,
        count(*) filter (where judged.level_rank = levels.level_rank) as items,
        count(judged.level_rank) as items_answered,
        count(*) - count(judged.level_rank) as items_unanswered,
        string_agg(
            case when judged.level_rank = levels.level_rank then judged.item end,
            '; ' order by judged.position
        ) as item_list
    from judged
    cross join levels
    group by all
),

shares as (
    select
        *,
        cast(items as double) / nullif(items_answered, 0) as share
    from counted
)

select
    assessment_id,
    organisation_name,
    first_answered,
    respondents,
    step,
    perspective,
    level_rank,
    level,
    items,
    items_answered,
    items_unanswered,
    share,
    item_list,
    lag(assessment_id) over before as previous_assessment_id,
    share - lag(share) over before as change
from shares
window before as (
    partition by organisation_name, step, perspective, level_rank
    order by first_answered, assessment_id
)
