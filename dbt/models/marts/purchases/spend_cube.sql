with

spend as (
    select * from {{ ref('int_spend') }}
),

units as (
    select * from {{ ref('int_units') }}
),

categories as (
    select
        *,
        cast(emission_kg_per_sek as decimal(18, 8)) as emission_factor
    from {{ ref('int_categories') }}
),

suppliers as (
    select * from {{ ref('dim_supplier') }}
),

cells as (
    select
        spend.quarter_start,
        units.member_code,
        spend.category_code,
        spend.supplier_id,
        spend.compliance_class,
        sum(spend.amount) as amount,
        sum(spend.invoices) as invoices
    from spend
    left join units on spend.buyer_unit_id = units.unit_id
    group by all
)

select
    cast(year(cells.quarter_start) as bigint) as year,
    year(cells.quarter_start) || '-Q' || quarter(cells.quarter_start) as quarter,
    cells.member_code,
    categories.group_code as category_group,
    cells.category_code,
    cells.supplier_id,
    suppliers.is_regional,
    suppliers.is_sme,
    cells.compliance_class,
    cast(cells.amount as decimal(18, 2)) as amount,
    cast(cells.invoices as bigint) as invoices,
    -- Wider than either, or the product of a large amount would not fit.
    cast(cast(cells.amount as decimal(28, 2)) * categories.emission_factor as decimal(28, 3)) as emission_kg
from cells
left join categories on cells.category_code = categories.category_code
left join suppliers on cells.supplier_id = suppliers.supplier_id
order by
    quarter,
    cells.member_code,
    cells.category_code,
    cells.supplier_id,
    cells.compliance_class
