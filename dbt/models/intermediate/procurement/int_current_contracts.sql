with

contracts as (
    select * from {{ ref('stg_contracts') }}
),

terms as (
    select * from {{ ref('int_contract_terms') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
)

select
    contracts.contract_id,
    contracts.supplier_id,
    contracts.title,
    contracts.category_code,
    contracts.contract_class,
    contracts.annual_value,
    terms.valid_from,
    terms.valid_until,
    -- An option is there to use only while nobody has terminated the contract.
    case
        when
            contracts.extension_until > contracts.valid_to
            and not coalesce(contracts.terminated_date <= settings.as_of, false)
            then contracts.extension_until
    end as extension_until,
    coalesce(contracts.critical, false) as is_critical,
    contracts.continuity_plan as has_continuity_plan
from contracts
cross join settings
inner join terms
    on
        contracts.contract_id = terms.contract_id
        and contracts.supplier_id = terms.supplier_id
where
    coalesce(contracts.signed_date, contracts.valid_from) <= settings.as_of
    and terms.valid_until >= settings.as_of
