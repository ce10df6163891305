with

trainings as (
    select * from {{ ref('int_trainings') }}
),

judged as (
    select
        trained_code as record_id,
        training_date as event_date,
        case when member_code is null then 'not_met:not_a_member' end as exclusion,
        member_code,
        source_file,
        source_row
    from trainings
)

select
    record_id,
    event_date,
    case when exclusion is null then 1 end as numerator,
    cast(null as integer) as denominator,
    exclusion,
    {{ coverage_by_record() }},
    member_code,
    cast(null as varchar) as category_group,
    source_file,
    source_row
from judged
