with

organisations as (
    select * from {{ ref('stg_organisations') }}
),

members as (
    select * from {{ ref('int_members') }}
)

select
    organisations.unit_id,
    organisations.unit_name,
    organisations.orgnr,
    organisations.member_code as owner_code,
    members.member_code,
    members.member_code is not null as is_member_unit,
    organisations.kind
from organisations
left join members on organisations.member_code = members.member_code
