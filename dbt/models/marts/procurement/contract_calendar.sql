with

settings as (
    select
        *,
        cast(as_of + to_months(planning_window_months) as date) as window_end
    from {{ source('run', 'settings') }}
),

contracts as (
    select * from {{ ref('int_current_contracts') }}
),

categories as (
    select * from {{ ref('int_categories') }}
),

suppliers as (
    select * from {{ ref('dim_supplier') }}
),

contract_members as (
    select
        contract_id,
        string_agg(member_code, ', ' order by member_code) as member_codes,
        count(*) as members
    from {{ ref('int_contract_members') }}
    group by contract_id
),

followups as (
    select
        contract_id,
        max(followup_date) as last_followup_date
    from {{ ref('int_followups') }}
    where has_required_form
    group by contract_id
),

recent as (
    select * from {{ ref('int_recent_spend') }}
),

bought as (
    select
        contract_id,
        supplier_id,
        sum(amount) as amount
    from recent
    where contract_id is not null
    group by contract_id, supplier_id
),

-- Where no ledger is known, what was bought is unknown; else what nobody bought is nothing.
known as (
    select max(until_date) as until_date from recent
),

valued as (
    select
        contracts.*,
        case when known.until_date is not null then coalesce(bought.amount, 0) end as bought_amount,
        known.until_date as bought_until_date
    from contracts
    cross join known
    left join bought
        on
            contracts.contract_id = bought.contract_id
            and contracts.supplier_id = bought.supplier_id
),

-- The suppliers of a framework may hold it for different times.
endings as (
    select
        'ending' as event_kind,
        valid_until as event_date,
        cast(null as date) as extension_until_date,
        *
    from valued
    where valid_until < date '9999-12-31'
    union all
    select
        'option' as event_kind,
        valid_until as event_date,
        extension_until as extension_until_date,
        *
    from valued
    where extension_until is not null
),

-- One follow-up for the whole contract, every twelve months from its start or the last one.
due as (
    select
        'followup' as event_kind,
        cast(
            coalesce(
                followups.last_followup_date,
                min(valued.valid_from) over (partition by valued.contract_id)
            ) + interval 12 month as date
        ) as event_date,
        cast(null as date) as extension_until_date,
        valued.*
    from valued
    left join followups on valued.contract_id = followups.contract_id
    where valued.contract_class is not null
    qualify event_date <= max(valued.valid_until) over (partition by valued.contract_id)
),

events as (
    select
        contract_id,
        event_kind,
        event_date,
        extension_until_date,
        min(title) as title,
        min(contract_class) as contract_class,
        min(category_code) as category_code,
        count(*) as suppliers,
        min(supplier_id) as supplier_id,
        {{ of_contract('annual_value') }} as annual_value,
        sum(bought_amount) as bought_amount,
        min(bought_until_date) as bought_until_date
    from (
        select * from endings
        union all by name
        select * from due
    ) as found
    group by all
)

select
    events.contract_id,
    events.event_kind,
    events.event_date,
    events.event_date < settings.as_of as is_overdue,
    events.extension_until_date,
    events.title,
    events.contract_class,
    case
        when events.event_kind <> 'followup' then null
        when events.contract_class in ('A', 'B') then 'meeting'
        else 'any'
    end as required_form,
    categories.group_code as category_group,
    events.category_code,
    contract_members.member_codes,
    coalesce(contract_members.members, 0) as members,
    case when events.suppliers = 1 then events.supplier_id end as supplier_id,
    case when events.suppliers = 1 then suppliers.supplier_name end as supplier_name,
    events.suppliers,
    cast(coalesce(events.annual_value, events.bought_amount) as decimal(18, 2)) as value_amount,
    case
        when events.annual_value is not null then 'annual_value'
        when events.bought_amount is not null then 'bought'
    end as value_source,
    cast(events.bought_amount as decimal(18, 2)) as bought_amount,
    events.bought_until_date,
    followups.last_followup_date
from events
cross join settings
left join categories on events.category_code = categories.category_code
left join contract_members on events.contract_id = contract_members.contract_id
left join suppliers on events.supplier_id = suppliers.supplier_id
left join followups on events.contract_id = followups.contract_id
where events.event_date <= settings.window_end
order by
    value_amount desc nulls last,
    events.event_date asc,
    events.contract_id asc,
    events.event_kind asc,
    events.extension_until_date asc
