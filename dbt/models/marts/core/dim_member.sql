with

members as (
    select * from {{ ref('int_members') }}
)

select
    member_code,
    member_name
from members
