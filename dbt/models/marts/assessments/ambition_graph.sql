with

answers as (
    select * from {{ ref('int_assessment_answers') }} where assessment = 'ambition_graph'
),

questions as (
    select * from {{ ref('int_assessment_questions') }} where assessment = 'ambition_graph'
),

settings as (
    select * from {{ source('run', 'settings') }}
),

items as (
    select
        item_id,
        any_value(part) as part,
        max(weight * list_max(answers)) as maximum
    from questions
    group by item_id
),

parts as (
    select
        part,
        cast(sum(maximum) as double) as maximum,
        count(*) as item_count
    from items
    group by part
),

respondents as (
    select
        assessment_id,
        organisation_name,
        respondent_id,
        any_value(role) as role,
        min(answered_date) as first_answered,
        max(answered_date) as last_answered,
        count(*) filter (where not is_on_scale) as off_scale_answers
    from answers
    group by assessment_id, organisation_name, respondent_id
),

-- Of two questions that count as one item, the one that weighs more where it is answered.
points as (
    select
        assessment_id,
        organisation_name,
        respondent_id,
        item_id,
        arg_max(weight * answer, weight) as points
    from answers
    where answer is not null
    group by assessment_id, organisation_name, respondent_id, item_id
),

-- A missing answer leaves its part without a value for that respondent.
part_points as (
    select
        respondents.assessment_id,
        respondents.organisation_name,
        respondents.respondent_id,
        items.part,
        case when count(*) = count(points.points) then sum(points.points) end as points,
        count(*) - count(points.points) as missing_answers
    from respondents
    cross join items
    left join points
        on
            respondents.assessment_id = points.assessment_id
            and respondents.organisation_name = points.organisation_name
            and respondents.respondent_id = points.respondent_id
            and items.item_id = points.item_id
    group by
        respondents.assessment_id, respondents.organisation_name, respondents.respondent_id, items.part
),

answered as (
    select
        respondents.*,
        max(part_points.points) filter (where part_points.part = '1') as points_1,
        max(part_points.points) filter (where part_points.part = '2') as points_2,
        max(part_points.points) filter (where part_points.part = '3') as points_3,
        max(part_points.points) filter (where part_points.part = 'horizontal') as points_horizontal,
        sum(part_points.missing_answers) as missing_answers
    from respondents
    inner join part_points
        on
            respondents.assessment_id = part_points.assessment_id
            and respondents.organisation_name = part_points.organisation_name
            and respondents.respondent_id = part_points.respondent_id
    group by all
),

by_role as (
    select
        * exclude (role),
        'ALL' as role
    from answered
    union all by name
    select * from answered where role is not null
),

maxima as (
    select
        max(maximum) filter (where part = '1') as maximum_1,
        max(maximum) filter (where part = '2') as maximum_2,
        max(maximum) filter (where part = '3') as maximum_3,
        max(item_count) filter (where part = 'horizontal') as horizontal_items
    from parts
),

-- Points are summed exactly and divided last.
summed as (
    select
        assessment_id,
        organisation_name,
        role,
        min(first_answered) as first_answered,
        max(last_answered) as last_answered,
        count(*) as respondents,
        count(*) filter (where points_1 + points_2 + points_3 is not null) as vertical_respondents,
        count(points_horizontal) as horizontal_respondents,
        cast(sum(missing_answers) as bigint) as missing_answers,
        cast(sum(off_scale_answers) as bigint) as off_scale_answers,
        cast(sum(points_1) as double) / nullif(count(points_1), 0) as mean_1,
        cast(sum(points_2) as double) / nullif(count(points_2), 0) as mean_2,
        cast(sum(points_3) as double) / nullif(count(points_3), 0) as mean_3,
        cast(sum(points_1) filter (where points_2 + points_3 is not null) as double) as whole_1,
        cast(sum(points_2) filter (where points_1 + points_3 is not null) as double) as whole_2,
        cast(sum(points_3) filter (where points_1 + points_2 is not null) as double) as whole_3,
        cast(sum(points_horizontal) as double) as points_horizontal
    from by_role
    group by assessment_id, organisation_name, role
),

axes as (
    select
        summed.assessment_id,
        summed.organisation_name,
        summed.role,
        summed.first_answered,
        summed.last_answered,
        summed.respondents,
        summed.vertical_respondents,
        summed.horizontal_respondents,
        summed.missing_answers,
        summed.off_scale_answers,
        4 * summed.mean_1 / maxima.maximum_1 as area_1,
        4 * summed.mean_2 / maxima.maximum_2 as area_2,
        4 * summed.mean_3 / maxima.maximum_3 as area_3,
        4 * (
            summed.whole_1 / maxima.maximum_1
            + summed.whole_2 / maxima.maximum_2
            + summed.whole_3 / maxima.maximum_3
        ) / (3 * nullif(summed.vertical_respondents, 0)) as vertical,
        summed.points_horizontal
        / (maxima.horizontal_items * nullif(summed.horizontal_respondents, 0)) as horizontal,
        cast(settings.maturity_cutoff as double) as cutoff
    from summed
    cross join maxima
    cross join settings
)

select
    *,
    vertical >= cutoff as is_vertical_systematic,
    horizontal >= cutoff as is_horizontal_systematic
from axes
