with

contracts as (
    select * from {{ ref('stg_contracts') }}
),

categories as (
    select * from {{ ref('int_categories') }}
),

contract_members as (
    select * from {{ ref('int_contract_members') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
),

member_lists as (
    select
        contract_id,
        string_agg(member_code, ', ' order by member_code) as member_codes
    from contract_members
    group by contract_id
),

-- What is signed or terminated after the as-of date is not yet known.
dated as (
    select
        contracts.*,
        case when contracts.signed_date <= settings.as_of then contracts.signed_date end as known_signed_date,
        case when contracts.terminated_date <= settings.as_of then contracts.terminated_date end
            as known_terminated_date
    from contracts
    cross join settings
)

select
    dated.contract_id,
    dated.supplier_id,
    dated.procurement_id,
    dated.title,
    dated.category_code,
    categories.group_code as category_group,
    dated.known_signed_date as signed_date,
    dated.valid_from as valid_from_date,
    dated.valid_to as valid_to_date,
    dated.known_terminated_date as terminated_date,
    least(dated.valid_to, dated.known_terminated_date) as in_force_until_date,
    case when dated.known_terminated_date is not null then dated.termination_reason end as termination_reason,
    dated.contract_class,
    member_lists.member_codes,
    dated.annual_value as annual_value_amount,
    dated.expected_volume as expected_volume_amount,
    dated.ceiling_value as ceiling_value_amount,
    dated.extension_until as extension_until_date,
    dated.critical as is_critical,
    dated.continuity_plan as has_continuity_plan,
    dated.origin,
    dated.source_file,
    dated.source_row
from dated
left join categories on dated.category_code = categories.category_code
left join member_lists on dated.contract_id = member_lists.contract_id
