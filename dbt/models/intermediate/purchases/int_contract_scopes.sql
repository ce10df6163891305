with

terms as (
    select * from {{ ref('int_contract_terms') }}
),

contract_categories as (
    select * from {{ ref('stg_contract_categories') }}
)

select
    contract_id,
    supplier_id,
    category_code
from terms
where category_code is not null
union
select
    terms.contract_id,
    terms.supplier_id,
    contract_categories.category_code
from terms
inner join contract_categories on terms.contract_id = contract_categories.contract_id
