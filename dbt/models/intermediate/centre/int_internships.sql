with

internships as (
    select * from {{ ref('stg_internships') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
)

select
    internships.placement_id,
    internships.start_date,
    internships.persons,
    internships.contract_id,
    internships.member_code,
    internships.source_file,
    internships.source_row
from internships
cross join settings
where internships.start_date <= settings.as_of
