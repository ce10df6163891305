with

units as (
    select * from {{ ref('int_units') }}
)

select
    unit_id,
    unit_name,
    orgnr,
    owner_code,
    member_code,
    is_member_unit,
    kind
from units
