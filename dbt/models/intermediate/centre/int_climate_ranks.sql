with

business_climate as (
    select * from {{ ref('stg_business_climate') }}
),

members as (
    select * from {{ ref('int_members') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
),

-- A rank belongs to the whole year, so that it is known as soon as its year has begun and it is delivered.
dated as (
    select
        business_climate.*,
        make_date(business_climate.year, 1, 1) as year_start
    from business_climate
)

select
    dated.year || '|' || dated.member_code as rank_record_id,
    dated.year_start,
    dated.member_code as ranked_code,
    members.member_code,
    dated.rank,
    dated.source_file,
    dated.source_row
from dated
cross join settings
left join members on dated.member_code = members.member_code
where dated.year_start <= settings.as_of
