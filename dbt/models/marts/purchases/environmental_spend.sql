{% set measures %}
    sum(spend.amount) as amount,
    coalesce(sum(spend.amount) filter (where spend.emission_kg is not null), 0) as factor_amount,
    sum(abs(spend.amount)) as gross_amount,
    coalesce(sum(abs(spend.amount)) filter (where spend.emission_kg is not null), 0) as factor_gross_amount,
    sum(spend.emission_kg) as emission_kg,
    string_agg(distinct categories.emission_source, ', ' order by categories.emission_source) as factor_sources,
    min(categories.emission_year) as first_factor_year,
    max(categories.emission_year) as last_factor_year
{% endset %}

with

spend as (
    select * from {{ ref('spend_cube') }}
    where compliance_class <> 'excluded'
),

-- Where a factor comes from is told only of categories that have one.
categories as (
    select
        category_code,
        emission_source,
        emission_year
    from {{ ref('int_categories') }}
    where emission_kg_per_sek is not null
),

summed as (
    select
        spend.year,
        'ALL' as member_code,
        'ALL' as category_group,
        {{ measures }}
    from spend
    left join categories on spend.category_code = categories.category_code
    group by spend.year
    union all
    select
        spend.year,
        spend.member_code,
        'ALL' as category_group,
        {{ measures }}
    from spend
    left join categories on spend.category_code = categories.category_code
    where spend.member_code is not null
    group by spend.year, spend.member_code
    union all
    select
        spend.year,
        'ALL' as member_code,
        spend.category_group,
        {{ measures }}
    from spend
    left join categories on spend.category_code = categories.category_code
    where spend.category_group is not null
    group by spend.year, spend.category_group
)

select
    year,
    member_code,
    category_group,
    cast(amount as decimal(18, 2)) as amount,
    cast(factor_amount as decimal(18, 2)) as factor_amount,
    cast(amount - factor_amount as decimal(18, 2)) as without_factor_amount,
    cast(factor_gross_amount as double) / cast(nullif(gross_amount, 0) as double) as coverage,
    cast(gross_amount - factor_gross_amount as double) / cast(nullif(gross_amount, 0) as double)
        as without_factor_share,
    cast(emission_kg as decimal(28, 3)) as emission_kg,
    factor_sources,
    first_factor_year,
    last_factor_year
from summed
order by year, member_code, category_group
