with

purchase_lines as (
    select * from {{ ref('int_purchase_lines') }}
),

entitlements as (
    select * from {{ ref('int_contract_entitlements') }}
),

category_segments as (
    select * from {{ ref('int_category_segments') }}
),

supplier_segments as (
    select * from {{ ref('int_supplier_segments') }}
)

select
    purchase_lines.*,
    case
        when purchase_lines.is_excluded then null
        when entitlements.contract_id is not null then entitlements.contract_id
        when purchase_lines.category_code is not null then category_segments.contract_id
        else supplier_segments.contract_id
    end as contract_id,
    case
        when purchase_lines.is_excluded or entitlements.contract_id is not null then false
        when
            purchase_lines.category_code is not null
            then coalesce(category_segments.fitting_contracts > 1, false)
        else coalesce(supplier_segments.fitting_contracts > 1, false)
    end as match_ambiguous,
    supplier_segments.contract_id is not null as supplier_has_contract
from purchase_lines
left join entitlements
    on
        purchase_lines.named_contract_id = entitlements.contract_id
        and purchase_lines.supplier_id = entitlements.supplier_id
        and purchase_lines.buyer_unit_id = entitlements.unit_id
        and purchase_lines.invoice_date >= entitlements.valid_from
        and purchase_lines.invoice_date <= entitlements.valid_until
left join category_segments
    on
        purchase_lines.supplier_id = category_segments.supplier_id
        and purchase_lines.buyer_unit_id = category_segments.unit_id
        and purchase_lines.category_code = category_segments.category_code
        and purchase_lines.invoice_date >= category_segments.from_date
        and purchase_lines.invoice_date <= category_segments.until_date
left join supplier_segments
    on
        purchase_lines.supplier_id = supplier_segments.supplier_id
        and purchase_lines.buyer_unit_id = supplier_segments.unit_id
        and purchase_lines.invoice_date >= supplier_segments.from_date
        and purchase_lines.invoice_date <= supplier_segments.until_date
