with

spend as (
    select * from {{ ref('spend_cube') }}
    where compliance_class <> 'excluded'
),

bought as (
    select
        year,
        category_group,
        supplier_id,
        sum(amount) as amount
    from spend
    where category_group is not null
    group by all
    union all
    select
        year,
        'ALL' as category_group,
        supplier_id,
        sum(amount) as amount
    from spend
    group by all
),

-- A supplier that got more back than it was paid has no share of the market.
ranked as (
    select
        year,
        category_group,
        amount,
        row_number() over (
            partition by year, category_group order by amount desc, supplier_id asc
        ) as size_rank,
        sum(amount) over (
            partition by year, category_group order by amount desc, supplier_id asc rows unbounded preceding
        ) as running_amount,
        sum(amount) over (partition by year, category_group) as total_amount
    from bought
    where
        supplier_id is not null
        and amount > 0
),

unknown as (
    select
        year,
        category_group,
        sum(amount) as amount
    from bought
    where supplier_id is null
    group by all
),

concentrated as (
    select
        year,
        category_group,
        count(*) as suppliers,
        sum(amount) as amount,
        -- Whole öre, whose squares fit and add up the same in any order.
        cast(sum(cast(amount * 100 as hugeint) * cast(amount * 100 as hugeint)) as double) / 10000 as squares,
        sum(amount) filter (where size_rank <= 1) as top_1_amount,
        sum(amount) filter (where size_rank <= 3) as top_3_amount,
        sum(amount) filter (where size_rank <= 10) as top_10_amount,
        -- The supplier that passes four fifths is one of those that make them up.
        count(*) filter (where running_amount - amount < 0.8 * total_amount) as main_suppliers
    from ranked
    group by all
)

select
    concentrated.year,
    concentrated.category_group,
    concentrated.suppliers,
    cast(concentrated.amount as decimal(18, 2)) as amount,
    concentrated.squares / power(cast(concentrated.amount as double), 2) as hhi,
    cast(concentrated.top_1_amount as double) / cast(concentrated.amount as double) as top_1_share,
    cast(concentrated.top_3_amount as double) / cast(concentrated.amount as double) as top_3_share,
    cast(concentrated.top_10_amount as double) / cast(concentrated.amount as double) as top_10_share,
    cast(concentrated.amount - concentrated.top_10_amount as double) / cast(concentrated.amount as double)
        as tail_share,
    concentrated.main_suppliers,
    cast(coalesce(unknown.amount, 0) as decimal(18, 2)) as unknown_supplier_amount
from concentrated
left join unknown
    on
        concentrated.year = unknown.year
        and concentrated.category_group = unknown.category_group
order by concentrated.year, concentrated.category_group
