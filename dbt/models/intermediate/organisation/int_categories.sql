with

categories as (
    select * from {{ ref('stg_categories') }}
),

procurements as (
    select * from {{ ref('stg_procurements') }}
),

lots as (
    select * from {{ ref('stg_lots') }}
),

contracts as (
    select * from {{ ref('stg_contracts') }}
),

-- Foreign formats bear CPV codes, which the organisation's own tree need not know.
foreign_codes as (
    select category_code from procurements where origin <> 'register'
    union
    select category_code from lots where origin <> 'register'
    union
    select category_code from contracts where origin <> 'register'
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
union all
select
    foreign_codes.category_code,
    'CPV ' || foreign_codes.category_code as category_name,
    left(foreign_codes.category_code, 2) as group_code,
    'CPV ' || left(foreign_codes.category_code, 2) as group_name,
    cast(null as boolean) as is_food,
    cast(null as decimal(28, 10)) as emission_kg_per_sek,
    cast(null as varchar) as emission_source,
    cast(null as bigint) as emission_year
from foreign_codes
left join categories on foreign_codes.category_code = categories.category_code
where
    foreign_codes.category_code is not null
    and categories.category_code is null
