with

settings as (
    select * from {{ source('run', 'settings') }}
),

thresholds as (
    select
        from_date,
        lead(from_date, 1, date '9999-12-31') over (order by from_date) as next_date,
        max(amount) as amount
    from {{ source('run', 'direct_award_thresholds') }}
    group by from_date
),

uncovered as (
    select * from {{ ref('int_spend') }}
    where compliance_class = 'uncovered'
),

units as (
    select
        *,
        coalesce(orgnr, unit_id) as authority_id
    from {{ ref('int_units') }}
),

categories as (
    select * from {{ ref('int_categories') }}
),

-- Units that share an organisation number are one authority, named after the municipality or region itself.
authorities as (
    select
        authority_id,
        min_by(
            unit_name, (coalesce(kind not in ('municipality', 'region'), true), unit_id)
        ) as authority_name,
        bool_or(orgnr is not null) as has_orgnr,
        case when count(distinct owner_code) = 1 then min(member_code) end as member_code,
        count(*) as units
    from units
    group by authority_id
),

bought as (
    select
        units.authority_id,
        uncovered.category_code,
        uncovered.fiscal_year,
        uncovered.supplier_id,
        sum(uncovered.amount) as amount,
        sum(uncovered.invoices) as invoices
    from uncovered
    inner join units on uncovered.buyer_unit_id = units.unit_id
    group by all
),

summed as (
    select
        authority_id,
        category_code,
        fiscal_year,
        sum(amount) as uncovered_amount,
        count(*) filter (where amount > 0) as suppliers,
        max(amount) as largest_supplier_amount,
        -- The threshold on the year's last day, or as far as the year has gone.
        least(make_date(fiscal_year, 12, 31), (select settings.as_of from settings)) as threshold_date
    from bought
    group by authority_id, category_code, fiscal_year
),

members as (
    select
        authorities.member_code,
        summed.category_code,
        summed.fiscal_year,
        sum(summed.uncovered_amount) as uncovered_amount
    from summed
    inner join authorities on summed.authority_id = authorities.authority_id
    where authorities.member_code is not null
    group by all
),

placed as (
    select
        summed.*,
        thresholds.amount as threshold_amount
    from summed
    left join thresholds
        on
            summed.threshold_date >= thresholds.from_date
            and summed.threshold_date < thresholds.next_date
)

select
    placed.authority_id,
    authorities.authority_name,
    authorities.has_orgnr,
    authorities.units,
    authorities.member_code,
    placed.fiscal_year,
    categories.group_code as category_group,
    placed.category_code,
    cast(placed.uncovered_amount as decimal(18, 2)) as uncovered_amount,
    placed.threshold_date,
    cast(placed.threshold_amount as decimal(18, 2)) as threshold_amount,
    cast(placed.threshold_amount - placed.uncovered_amount as decimal(18, 2)) as margin_amount,
    placed.uncovered_amount > placed.threshold_amount as is_over_threshold,
    placed.suppliers,
    cast(placed.largest_supplier_amount as decimal(18, 2)) as largest_supplier_amount,
    cast(members.uncovered_amount as decimal(18, 2)) as member_uncovered_amount
from placed
inner join authorities on placed.authority_id = authorities.authority_id
left join categories on placed.category_code = categories.category_code
left join members
    on
        authorities.member_code = members.member_code
        and placed.category_code = members.category_code
        and placed.fiscal_year = members.fiscal_year
order by placed.fiscal_year, placed.authority_id, placed.category_code
