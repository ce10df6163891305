with

suppliers as (
    select * from {{ ref('stg_suppliers') }}
),

appearances as (
    select distinct supplier_id from {{ ref('stg_bids') }}
    union
    select distinct supplier_id from {{ ref('stg_contracts') }}
),

regional_workplaces as (
    select * from {{ ref('int_regional_workplaces') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
),

active_in_region as (
    select distinct regional_workplaces.supplier_id
    from regional_workplaces
    cross join settings
    where settings.as_of between regional_workplaces.valid_from and regional_workplaces.valid_to
),

-- A bankgiro of several suppliers is that of somebody who is paid for them.
sharing as (
    select distinct supplier_id
    from (
        select
            supplier_id,
            count(*) over (partition by bare_bankgiro) as payees
        from (
            select distinct
                supplier_id,
                {{ bare_number('supplier_bankgiro') }} as bare_bankgiro
            from {{ ref('int_ledger_suppliers') }}
            where
                supplier_id is not null
                and supplier_bankgiro is not null
        ) as paid
    ) as payees
    where payees > 1
),

-- A group is its parent and those that name it.
companies as (
    select
        coalesce(group_parent_id, supplier_id) as parent_id,
        count(*) as suppliers
    from suppliers
    group by coalesce(group_parent_id, supplier_id)
),

named as (
    select supplier_id from suppliers
    union
    select supplier_id from appearances
)

select
    named.supplier_id,
    suppliers.supplier_name,
    suppliers.supplier_id is not null as is_registered,
    suppliers.employees,
    suppliers.employees < 250 as is_sme,
    case
        when suppliers.supplier_id is not null then active_in_region.supplier_id is not null
    end as is_regional,
    suppliers.social_enterprise as is_social_enterprise,
    suppliers.group_parent_id,
    companies.suppliers as group_suppliers,
    {{ is_factoring_name('suppliers.supplier_name') }} as is_factoring,
    sharing.supplier_id is not null as shares_bankgiro,
    suppliers.source_file,
    suppliers.source_row
from named
left join suppliers on named.supplier_id = suppliers.supplier_id
left join companies on coalesce(suppliers.group_parent_id, suppliers.supplier_id) = companies.parent_id
left join sharing on named.supplier_id = sharing.supplier_id
left join active_in_region on named.supplier_id = active_in_region.supplier_id
where named.supplier_id is not null
