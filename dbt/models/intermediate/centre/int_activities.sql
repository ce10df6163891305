with

activities as (
    select * from {{ ref('stg_activities') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
)

select
    activities.activity_id,
    activities.activity_date,
    activities.kind,
    activities.procurement_id,
    activities.member_code,
    activities.source_file,
    activities.source_row
from activities
cross join settings
where activities.activity_date <= settings.as_of
