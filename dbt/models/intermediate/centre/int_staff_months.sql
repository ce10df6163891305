with

staff as (
    select * from {{ ref('stg_staff') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
),

-- A month is known when it has ended.
dated as (
    select
        staff.*,
        last_day(cast(staff.month || '-01' as date)) as month_end
    from staff
)

select
    dated.month,
    dated.month_end,
    dated.headcount,
    dated.leavers,
    dated.ordinary_hours,
    dated.sick_hours,
    dated.training_hours,
    dated.source_file,
    dated.source_row
from dated
cross join settings
where dated.month_end <= settings.as_of
