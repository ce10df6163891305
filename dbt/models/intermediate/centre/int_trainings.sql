with

trainings as (
    select * from {{ ref('stg_trainings') }}
),

members as (
    select * from {{ ref('int_members') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
)

select
    trainings.training_id,
    trainings.training_date,
    trainings.member_code as trained_code,
    members.member_code,
    trainings.source_file,
    trainings.source_row
from trainings
cross join settings
left join members on trainings.member_code = members.member_code
where trainings.training_date <= settings.as_of
