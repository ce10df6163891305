with

contract_buyers as (
    select * from {{ ref('stg_contract_buyers') }}
),

units as (
    select * from {{ ref('int_units') }}
),

members as (
    select * from {{ ref('int_members') }}
)

select
    contract_buyers.contract_id,
    units.member_code
from contract_buyers
inner join units on contract_buyers.unit_id = units.unit_id
where units.is_member_unit
union
select
    contract_buyers.contract_id,
    members.member_code
from contract_buyers
cross join members
where contract_buyers.unit_id = 'ALL'
