{{ config(materialized='table') }}

with

ledger_suppliers as (
    select * from {{ ref('int_ledger_suppliers') }}
),

-- A proposal means nothing until a person has confirmed it.
aliases as (
    select *
    from {{ ref('stg_supplier_aliases') }}
    where likeness is null or confirmed
),

suppliers as (
    select * from {{ ref('stg_suppliers') }}
),

spellings as (
    select
        coalesce(supplier_name, '') as supplier_name,
        coalesce(supplier_bankgiro, '') as supplier_bankgiro,
        {{ bare_name('supplier_name') }} as bare_name,
        {{ bare_number('supplier_bankgiro') }} as bare_bankgiro
    from ledger_suppliers
    where supplier_id is null
),

-- What two suppliers share identifies neither.
name_aliases as (
    select
        {{ bare_name('alias') }} as bare_name,
        min(supplier_id) as supplier_id
    from aliases
    where alias_kind = 'name'
    group by {{ bare_name('alias') }}
    having count(distinct supplier_id) = 1
),

bankgiro_aliases as (
    select
        {{ bare_number('alias') }} as bare_bankgiro,
        min(supplier_id) as supplier_id
    from aliases
    where alias_kind = 'bankgiro'
    group by {{ bare_number('alias') }}
    having count(distinct supplier_id) = 1
),

registered_names as (
    select
        {{ bare_name('supplier_name') }} as bare_name,
        min(supplier_id) as supplier_id
    from suppliers
    group by {{ bare_name('supplier_name') }}
    having count(distinct supplier_id) = 1
)

select
    spellings.supplier_name,
    spellings.supplier_bankgiro,
    coalesce(name_aliases.supplier_id, bankgiro_aliases.supplier_id, registered_names.supplier_id)
        as supplier_id,
    case
        when name_aliases.supplier_id is not null then 'name_alias'
        when bankgiro_aliases.supplier_id is not null then 'bankgiro_alias'
        when registered_names.supplier_id is not null then 'name'
        else 'unknown'
    end as supplier_match,
    spellings.bare_name,
    spellings.bare_bankgiro
from spellings
left join name_aliases on spellings.bare_name = name_aliases.bare_name
left join bankgiro_aliases on spellings.bare_bankgiro = bankgiro_aliases.bare_bankgiro
left join registered_names on spellings.bare_name = registered_names.bare_name
