-- What a year is made up of, month by month, for figures that grow as the year goes. One row per indicator, member,
-- year and month.
--   quantity: what grows: the sum itself, or the denominator of a ratio, or the records of a median.
--   numerator: of a ratio. stock: what the sum is held against where it is held against a mean stock.
{{ config(materialized='table') }}
with
catalogue as (select * from {{ ref('kpi_catalogue') }} where is_live),

sums as (
    select
        months.kpi_id,
        months.member_code,
        months.month_start as event_date,
        months.numerator,
        if(catalogue.aggregation = 'ratio', months.denominator, months.numerator) as quantity,
        cast(null as decimal(38, 10)) as stock,
        months.counted
    from {{ ref('int_kpi_months') }} as months
    inner join catalogue on months.kpi_id = catalogue.kpi_id
    where
        months.category_group = 'ALL'
        and catalogue.aggregation in ('ratio', 'sum')
        and catalogue.period_rule is null
),

records as (
    select
        records.*,
        catalogue.aggregation,
        catalogue.period_rule
    from {{ ref('int_kpi_records') }} as records
    inner join catalogue on records.kpi_id = catalogue.kpi_id
    where records.category_group = 'ALL' and records.is_counted
),

-- A record that is met again in the year is not counted again.
firsts as (
    select
        kpi_id,
        member_code,
        record_id,
        min(event_date) as event_date
    from records
    where aggregation = 'count_distinct'
    group by kpi_id, member_code, record_id, year(event_date)
),

parts as (
    select * from sums
    union all by name
    select
        kpi_id,
        member_code,
        event_date,
        cast(1 as decimal(38, 10)) as quantity,
        1 as counted
    from firsts
    union all by name
    select
        kpi_id,
        member_code,
        event_date,
        cast(1 as decimal(38, 10)) as quantity,
        1 as counted
    from records
    where aggregation = 'median'
    union all by name
    select
        kpi_id,
        member_code,
        event_date,
        numerator as quantity,
        denominator as stock,
        1 as counted
    from records
    where period_rule = 'mean_stock'
)

select
    kpi_id,
    member_code,
    cast(year(event_date) as bigint) as calendar_year,
    cast(month(event_date) as bigint) as month_number,
    cast(coalesce(sum(numerator), 0) as double) as numerator,
    cast(coalesce(sum(quantity), 0) as double) as quantity,
    cast(sum(stock) as double) as stock,
    cast(sum(counted) as bigint) as counted
from parts
group by all
