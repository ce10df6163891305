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
    suppliers.source_file,
    suppliers.source_row
from named
left join suppliers on named.supplier_id = suppliers.supplier_id
left join active_in_region on named.supplier_id = active_in_region.supplier_id
where named.supplier_id is not null
