with

choices as (
    select * from {{ ref('int_contract_choices') }}
),

over_ceiling_lines as (
    select * from {{ ref('int_over_ceiling_lines') }}
),

covered_categories as (
    select * from {{ ref('int_covered_categories') }}
),

contract_endings as (
    select * from {{ ref('int_contract_endings') }}
),

supplier_categories as (
    select * from {{ ref('int_supplier_categories') }}
),

long_invoices as (
    select * from {{ ref('int_long_invoices') }}
),

classified as (
    select
        choices.*,
        long_invoices.invoice_id is null as is_only_line,
        case
            when choices.is_excluded then 'excluded'
            when choices.supplier_id is null then 'unclassified'
            when over_ceiling_lines.contract_id is not null then 'over_ceiling'
            when choices.contract_id is not null then 'on_contract'
            when choices.category_code is null then 'unclassified'
            when covered_categories.unit_id is not null then 'wild'
            else 'uncovered'
        end as compliance_class,
        case
            when contract_endings.first_end < choices.invoice_date then 'expired'
            when supplier_categories.supplier_id is not null then 'not_entitled'
            when choices.supplier_has_contract then 'other_category'
            else 'no_contract'
        end as first_reason
    from choices
    left join long_invoices
        on
            choices.buyer_unit_id = long_invoices.buyer_unit_id
            and choices.fiscal_year = long_invoices.fiscal_year
            and choices.invoice_id = long_invoices.invoice_id
    left join over_ceiling_lines
        on
            choices.buyer_unit_id = over_ceiling_lines.buyer_unit_id
            and choices.fiscal_year = over_ceiling_lines.fiscal_year
            and choices.invoice_id = over_ceiling_lines.invoice_id
            and choices.line_no = over_ceiling_lines.line_no
    left join covered_categories
        on
            choices.buyer_unit_id = covered_categories.unit_id
            and choices.category_code = covered_categories.category_code
            and choices.invoice_date >= covered_categories.from_date
            and choices.invoice_date <= covered_categories.until_date
    left join contract_endings
        on
            choices.supplier_id = contract_endings.supplier_id
            and choices.buyer_unit_id = contract_endings.unit_id
            and choices.category_code = contract_endings.category_code
    left join supplier_categories
        on
            choices.supplier_id = supplier_categories.supplier_id
            and choices.category_code = supplier_categories.category_code
            and choices.invoice_date >= supplier_categories.from_date
            and choices.invoice_date <= supplier_categories.until_date
)

select
    buyer_unit_id,
    fiscal_year,
    invoice_id,
    line_no,
    is_only_line,
    member_code,
    supplier_id,
    supplier_name,
    supplier_match,
    category_code,
    category_group,
    category_source,
    invoice_date,
    booking_date,
    account,
    cost_centre,
    order_id,
    supplier_invoice_number,
    amount_net,
    compliance_class,
    case when compliance_class in ('wild', 'uncovered') then first_reason end as compliance_reason,
    contract_id,
    named_contract_id,
    supplier_has_contract,
    match_ambiguous,
    source_file,
    source_row
from classified
