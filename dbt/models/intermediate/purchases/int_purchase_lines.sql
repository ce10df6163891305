with

settings as (
    select * from {{ source('run', 'settings') }}
),

-- A line booked after the as-of date does not exist, not even for ceilings.
invoices as (
    select *
    from {{ ref('stg_invoices') }}
    where booking_date <= (select settings.as_of from settings)
),

orgnr_aliases as (
    select
        {{ bare_orgnr('alias') }} as alias,
        min(supplier_id) as supplier_id
    from {{ ref('stg_supplier_aliases') }}
    where
        alias_kind = 'orgnr'
        and (likeness is null or confirmed)
    group by {{ bare_orgnr('alias') }}
    having count(distinct supplier_id) = 1
),

spellings as (
    select * from {{ ref('int_supplier_spellings') }}
),

terms as (
    select * from {{ ref('int_contract_terms') }}
),

contract_categories as (
    select
        contract_id,
        min(category_code) as category_code
    from terms
    group by contract_id
),

accounts as (
    select * from {{ ref('int_accounts') }}
),

units as (
    select * from {{ ref('int_units') }}
),

member_suppliers as (
    select distinct orgnr as supplier_id
    from units
    where
        is_member_unit
        and orgnr is not null
),

categories as (
    select * from {{ ref('int_categories') }}
),

-- A key that is NULL matches nothing: only lines without supplier_id are looked up by their spelling.
identified as (
    select
        invoices.*,
        coalesce(orgnr_aliases.supplier_id, invoices.supplier_id, spellings.supplier_id) as known_supplier_id,
        case
            when orgnr_aliases.supplier_id is not null then 'orgnr_alias'
            when invoices.supplier_id is not null then 'id'
            else coalesce(spellings.supplier_match, 'unknown')
        end as supplier_match
    from invoices
    left join orgnr_aliases on invoices.supplier_id = orgnr_aliases.alias
    left join spellings
        on
            case when invoices.supplier_id is null then coalesce(invoices.supplier_name, '') end
            = spellings.supplier_name
            and coalesce(invoices.supplier_bankgiro, '') = spellings.supplier_bankgiro
),

categorised as (
    select
        identified.*,
        coalesce(
            identified.category_code,
            terms.category_code,
            contract_categories.category_code,
            accounts.category_code
        ) as known_category_code,
        case
            when identified.category_code is not null then 'line'
            when coalesce(terms.category_code, contract_categories.category_code) is not null then 'contract'
            when accounts.category_code is not null then 'account'
        end as category_source,
        coalesce(not accounts.is_purchase, false) as is_outside_purchases
    from identified
    left join terms
        on
            case when identified.category_code is null then identified.contract_id end = terms.contract_id
            and identified.known_supplier_id = terms.supplier_id
    left join contract_categories
        on
            case when identified.category_code is null then identified.contract_id end
            = contract_categories.contract_id
    left join accounts on identified.account = accounts.account
)

select
    categorised.buyer_unit_id,
    categorised.fiscal_year,
    categorised.invoice_id,
    categorised.line_no,
    units.member_code,
    categorised.known_supplier_id as supplier_id,
    categorised.supplier_name,
    categorised.supplier_match,
    categorised.known_category_code as category_code,
    categories.group_code as category_group,
    categorised.category_source,
    categorised.invoice_date,
    categorised.booking_date,
    categorised.account,
    categorised.cost_centre,
    categorised.contract_id as named_contract_id,
    categorised.order_id,
    categorised.supplier_invoice_number,
    categorised.amount_net,
    categorised.is_outside_purchases or member_suppliers.supplier_id is not null as is_excluded,
    categorised.source_file,
    categorised.source_row
from categorised
left join units on categorised.buyer_unit_id = units.unit_id
left join member_suppliers on categorised.known_supplier_id = member_suppliers.supplier_id
left join categories on categorised.known_category_code = categories.category_code
