with

settings as (
    select
        *,
        cast(as_of + to_months(planning_window_months) as date) as window_end
    from {{ source('run', 'settings') }}
),

categories as (
    select * from {{ ref('int_categories') }}
),

-- What each member may buy on, category by category.
held as (
    select distinct
        scopes.category_code,
        contract_members.member_code,
        contracts.contract_id,
        max(contracts.valid_until) over (partition by contracts.contract_id) as valid_until
    from {{ ref('int_current_contracts') }} as contracts
    inner join {{ ref('int_contract_scopes') }} as scopes
        on
            contracts.contract_id = scopes.contract_id
            and contracts.supplier_id = scopes.supplier_id
    inner join {{ ref('int_contract_members') }} as contract_members
        on contracts.contract_id = contract_members.contract_id
),

-- A contract is common in a category where it is open to two or more members.
shared as (
    select
        *,
        count(*) over (partition by category_code, contract_id) >= 2 as is_common
    from held
),

holdings as (
    select
        shared.category_code,
        shared.member_code,
        bool_or(shared.is_common) as has_common_contract,
        max(shared.valid_until) as last_day,
        bool_or(shared.valid_until <= settings.window_end) as has_ending,
        list(shared.contract_id) filter (where shared.valid_until <= settings.window_end) as ending_ids
    from shared
    cross join settings
    group by shared.category_code, shared.member_code
),

recent as (
    select * from {{ ref('int_recent_spend') }}
),

-- Where no ledger is known, what was bought is unknown.
known as (
    select max(until_date) as until_date from recent
),

bought_by_supplier as (
    select
        units.member_code,
        recent.category_code,
        recent.supplier_id,
        sum(recent.amount) as amount
    from recent
    inner join {{ ref('int_units') }} as units on recent.buyer_unit_id = units.unit_id
    where
        recent.compliance_class <> 'excluded'
        and recent.category_code is not null
        and units.member_code is not null
    group by units.member_code, recent.category_code, recent.supplier_id
),

bought as (
    select
        member_code,
        category_code,
        sum(amount) as amount
    from bought_by_supplier
    group by member_code, category_code
),

-- The members that stand without a common contract, and buy or are about to procure anew.
alone as (
    select
        coalesce(bought.category_code, holdings.category_code) as category_code,
        coalesce(bought.member_code, holdings.member_code) as member_code,
        coalesce(bought.amount, 0) as amount,
        coalesce(bought.amount > 0, false) as is_buying,
        coalesce(holdings.ending_ids, []) as ending_ids,
        case
            when holdings.last_day is null then settings.as_of
            when holdings.last_day < date '9999-12-31' then cast(holdings.last_day + interval 1 day as date)
        end as free_date
    from bought
    full join holdings
        on
            bought.category_code = holdings.category_code
            and bought.member_code = holdings.member_code
    cross join settings
    where
        not coalesce(holdings.has_common_contract, false)
        and (coalesce(bought.amount > 0, false) or coalesce(holdings.has_ending, false))
),

potential as (
    select
        category_code,
        count(*) as members,
        string_agg(member_code, ', ' order by member_code) as member_codes,
        count(*) filter (where is_buying) as buying_members,
        sum(amount) as amount,
        list_sort(list_distinct(flatten(list(ending_ids)))) as ending_ids,
        list_sort(list(free_date) filter (where free_date is not null)) as free_dates
    from alone
    group by category_code
    having count(*) >= 2
),

bought_from as (
    select
        bought_by_supplier.category_code,
        bought_by_supplier.supplier_id,
        count(*) as members
    from bought_by_supplier
    inner join alone
        on
            bought_by_supplier.category_code = alone.category_code
            and bought_by_supplier.member_code = alone.member_code
    where
        bought_by_supplier.amount > 0
        and bought_by_supplier.supplier_id is not null
    group by all
),

suppliers as (
    select
        category_code,
        count(*) as suppliers,
        count(*) filter (where members >= 2) as common_suppliers
    from bought_from
    group by category_code
),

joined_already as (
    select
        category_code,
        count(*) as members
    from holdings
    where has_common_contract
    group by category_code
)

select
    categories.group_code as category_group,
    potential.category_code,
    potential.members,
    potential.member_codes,
    potential.buying_members,
    case when known.until_date is not null then cast(potential.amount as decimal(18, 2)) end as amount,
    known.until_date as bought_until_date,
    coalesce(suppliers.suppliers, 0) as suppliers,
    coalesce(suppliers.common_suppliers, 0) as common_suppliers,
    len(potential.ending_ids) as ending_contracts,
    nullif(array_to_string(potential.ending_ids, ', '), '') as ending_contract_ids,
    potential.free_dates[2] as next_common_date,
    case
        when len(potential.free_dates) = potential.members then potential.free_dates[-1]
    end as all_members_date,
    coalesce(joined_already.members, 0) as members_with_common_contract
from potential
cross join known
left join categories on potential.category_code = categories.category_code
left join suppliers on potential.category_code = suppliers.category_code
left join joined_already on potential.category_code = joined_already.category_code
order by potential.amount desc, potential.category_code asc
