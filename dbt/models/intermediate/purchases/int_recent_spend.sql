with

spend as (
    select * from {{ ref('int_spend') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
),

-- Ledgers come late: the twelve months end with the last whole quarter that something was booked in.
last_quarters as (
    select max(spend.quarter_start) as quarter_start
    from spend
    cross join settings
    where spend.quarter_start + interval 3 month <= settings.as_of + interval 1 day
)

select
    spend.*,
    cast(last_quarters.quarter_start + interval 3 month - interval 1 day as date) as until_date
from spend
cross join last_quarters
where
    spend.quarter_start <= last_quarters.quarter_start
    and spend.quarter_start > last_quarters.quarter_start - interval 12 month
