with

settings as (
    select * from {{ source('run', 'settings') }}
),

contracts as (
    select contracts.*
    from {{ ref('int_current_contracts') }} as contracts
    cross join settings
    where contracts.valid_from <= settings.as_of
),

scopes as (
    select * from {{ ref('int_contract_scopes') }}
),

contract_members as (
    select * from {{ ref('int_contract_members') }}
),

categories as (
    select * from {{ ref('int_categories') }}
),

suppliers as (
    select * from {{ ref('dim_supplier') }}
),

critical as (
    select * from contracts
    where is_critical
),

-- Who may buy what from whom today, whatever the contract.
offers as (
    select distinct
        contract_members.member_code,
        scopes.category_code,
        contracts.supplier_id
    from contracts
    inner join scopes
        on
            contracts.contract_id = scopes.contract_id
            and contracts.supplier_id = scopes.supplier_id
    inner join contract_members on contracts.contract_id = contract_members.contract_id
),

exposed as (
    select
        critical.contract_id,
        critical.supplier_id,
        contract_members.member_code,
        count(offers.supplier_id) as alternatives
    from critical
    inner join contract_members on critical.contract_id = contract_members.contract_id
    left join offers
        on
            contract_members.member_code = offers.member_code
            and critical.category_code = offers.category_code
            and critical.supplier_id <> offers.supplier_id
    group by all
),

exposures as (
    select
        contract_id,
        supplier_id,
        count(*) as members,
        string_agg(member_code, ', ' order by member_code) as member_codes,
        count(*) filter (where alternatives = 0) as members_without_alternative
    from exposed
    group by contract_id, supplier_id
),

recent as (
    select * from {{ ref('int_recent_spend') }}
    where compliance_class <> 'excluded'
),

-- Where no ledger is known, what was bought is unknown.
known as (
    select max(until_date) as until_date from recent
),

bought_on as (
    select
        contract_id,
        supplier_id,
        sum(amount) as amount
    from recent
    where contract_id is not null
    group by contract_id, supplier_id
),

bought_from as (
    select
        supplier_id,
        sum(amount) as amount
    from recent
    group by supplier_id
),

held as (
    select
        supplier_id,
        count(*) as critical_contracts
    from critical
    group by supplier_id
)

select
    critical.contract_id,
    critical.supplier_id,
    suppliers.supplier_name,
    critical.title,
    critical.contract_class,
    categories.group_code as category_group,
    critical.category_code,
    critical.has_continuity_plan,
    exposures.members_without_alternative = exposures.members as is_sole_source,
    coalesce(exposures.members, 0) as members,
    exposures.member_codes,
    coalesce(exposures.members_without_alternative, 0) as members_without_alternative,
    nullif(critical.valid_until, date '9999-12-31') as in_force_until_date,
    cast(critical.annual_value as decimal(18, 2)) as annual_value_amount,
    case
        when known.until_date is not null then cast(coalesce(bought_on.amount, 0) as decimal(18, 2))
    end as bought_amount,
    case
        when known.until_date is not null then cast(coalesce(bought_from.amount, 0) as decimal(18, 2))
    end as supplier_bought_amount,
    known.until_date as bought_until_date,
    held.critical_contracts as supplier_critical_contracts
from critical
cross join known
left join exposures
    on
        critical.contract_id = exposures.contract_id
        and critical.supplier_id = exposures.supplier_id
left join categories on critical.category_code = categories.category_code
left join suppliers on critical.supplier_id = suppliers.supplier_id
left join bought_on
    on
        critical.contract_id = bought_on.contract_id
        and critical.supplier_id = bought_on.supplier_id
left join bought_from on critical.supplier_id = bought_from.supplier_id
left join held on critical.supplier_id = held.supplier_id
order by critical.contract_id, critical.supplier_id
