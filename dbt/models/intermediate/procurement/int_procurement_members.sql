with

participants as (
    select * from {{ ref('stg_participants') }}
),

units as (
    select * from {{ ref('int_units') }}
)

select distinct
    participants.procurement_id,
    units.member_code
from participants
inner join units on participants.unit_id = units.unit_id
where units.is_member_unit
