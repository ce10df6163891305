with

settings as (
    select * from {{ source('run', 'settings') }}
),

named_members as (
    select * from {{ source('run', 'members') }}
),

organisations as (
    select * from {{ ref('stg_organisations') }}
),

-- Where every buyer is a member, the codes are whatever the deliveries hold.
member_codes as (
    select
        named_members.member_code,
        named_members.member_name
    from named_members
    cross join settings
    where not settings.all_members
    union
    select
        organisations.member_code,
        cast(null as varchar) as member_name
    from organisations
    cross join settings
    where settings.all_members
),

-- The municipality or region itself lends its name to the code; else the unit that bears the code as its own.
owner_names as (
    select
        member_code,
        unit_name
    from organisations
    where kind in ('municipality', 'region') or unit_id = member_code
    qualify row_number() over (partition by member_code order by kind nulls last, unit_id) = 1
)

select
    member_codes.member_code,
    coalesce(member_codes.member_name, owner_names.unit_name, member_codes.member_code) as member_name
from member_codes
left join owner_names on member_codes.member_code = owner_names.member_code
