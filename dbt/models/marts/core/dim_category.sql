with

categories as (
    select * from {{ ref('int_categories') }}
)

select
    category_code,
    category_name,
    group_code,
    group_name,
    is_food,
    emission_kg_per_sek,
    emission_source,
    emission_year
from categories
