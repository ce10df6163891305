with

contracts as (
    select * from {{ ref('stg_contracts') }}
),

categories as (
    select * from {{ ref('int_categories') }}
),

-- A framework has a row per supplier; class and category are the contract's own and the same in all of them.
first_rows as (
    select *
    from contracts
    qualify row_number() over (partition by contract_id order by source_file, source_sheet, source_row) = 1
)

select
    first_rows.contract_id,
    first_rows.procurement_id,
    first_rows.contract_class,
    first_rows.category_code,
    categories.group_code as category_group,
    first_rows.source_file,
    first_rows.source_row
from first_rows
left join categories on first_rows.category_code = categories.category_code
