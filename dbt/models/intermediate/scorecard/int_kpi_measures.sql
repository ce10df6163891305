-- All arithmetic, once: every indicator's numerator, denominator and value per period, member and group.
-- One row per indicator, period, member and group with a basis.
{{ config(materialized='table') }}
with
catalogue as (select * from {{ ref('kpi_catalogue') }} where is_live),

periods as (select * from {{ ref('dim_period') }}),

additive as (
    select
        months.kpi_id,
        periods.period_type,
        periods.period,
        months.member_code,
        months.category_group,
        sum(months.numerator) as numerator,
        case when any_value(catalogue.aggregation) = 'ratio' then sum(months.denominator) end as denominator,
        cast(sum(months.counted) as bigint) as counted,
        sum(months.known_weight) as known_weight,
        sum(months.unknown_weight) as unknown_weight
    from {{ ref('int_kpi_months') }} as months
    inner join catalogue on months.kpi_id = catalogue.kpi_id
    inner join periods on months.month_start between periods.period_start and periods.period_end
    where catalogue.aggregation in ('ratio', 'sum') and catalogue.period_rule is null
    group by all
),

records as (
    select
        records.*,
        catalogue.aggregation,
        catalogue.period_rule
    from {{ ref('int_kpi_records') }} as records
    inner join catalogue on records.kpi_id = catalogue.kpi_id
),

distinct_counts as (
    select
        records.kpi_id,
        periods.period_type,
        periods.period,
        records.member_code,
        records.category_group,
        cast(count(distinct records.record_id) filter (where records.is_counted) as decimal(38, 10))
            as numerator,
        cast(null as decimal(38, 10)) as denominator,
        sum(records.known_weight) as known_weight,
        sum(records.unknown_weight) as unknown_weight
    from records
    inner join periods on records.event_date between periods.period_start and periods.period_end
    where records.aggregation = 'count_distinct'
    group by all
),

medians as (
    select
        records.kpi_id,
        periods.period_type,
        periods.period,
        records.member_code,
        records.category_group,
        cast(count(*) filter (where records.is_counted) as decimal(38, 10)) as denominator,
        median(cast(records.numerator as double)) filter (where records.is_counted) as actual,
        sum(records.known_weight) as known_weight,
        sum(records.unknown_weight) as unknown_weight
    from records
    inner join periods on records.event_date between periods.period_start and periods.period_end
    where records.aggregation = 'median'
    group by all
),

-- Where evidence does not add up, the period rule says which records a period rests on and what they give:
-- stock_at_end: placed in the period; in the numerator from the day it came true, as of the period's last day.
-- in_force_at_end: in force on the period's last day (or the as-of date), each record with its own days.
-- mean_stock: a sum over the mean of a monthly stock, which is the sum of the stock / months with data.
-- year_only: placed in the period, for years.
-- sampled_period: drawn from the days of the period, no more and no fewer; what each record stands for adds up.
by_rule as (
    select
        records.kpi_id,
        periods.period_type,
        periods.period,
        records.member_code,
        records.category_group,
        sum({{ placed_numerator('records', 'periods') }}) filter (where records.is_counted) as numerator,
        sum(records.denominator) filter (where records.is_counted)
        / case
            when any_value(records.period_rule) = 'mean_stock'
                then count(distinct records.event_date) filter (where records.is_counted)
            else 1
        end as denominator,
        count(*) filter (where records.is_counted) as counted,
        sum(records.known_weight) as known_weight,
        sum(records.unknown_weight) as unknown_weight
    from records
    inner join periods on {{ is_placed('records', 'periods') }}
    where records.period_rule is not null
    group by
        records.kpi_id, periods.period_type, periods.period, records.member_code, records.category_group
),

quotients as (
    select * from additive
    union all by name
    select * from by_rule
)

select
    quotients.kpi_id,
    quotients.period_type,
    quotients.period,
    quotients.member_code,
    quotients.category_group,
    -- What is known and does not count adds nothing to a sum, and is no part of a ratio.
    case
        when
            catalogue.aggregation = 'sum' and (quotients.known_weight > 0 or quotients.counted > 0)
            then coalesce(quotients.numerator, 0)
        when quotients.counted > 0 then quotients.numerator
    end as numerator,
    case when quotients.counted > 0 then quotients.denominator end as denominator,
    case
        when catalogue.aggregation = 'sum' and (quotients.known_weight > 0 or quotients.counted > 0)
            then cast(coalesce(quotients.numerator, 0) as double)
        when quotients.counted = 0 or quotients.denominator = 0 then null
        else cast(quotients.numerator as double) / cast(quotients.denominator as double)
    end as actual,
    quotients.known_weight,
    quotients.unknown_weight
from quotients
inner join catalogue on quotients.kpi_id = catalogue.kpi_id
union all
select
    kpi_id,
    period_type,
    period,
    member_code,
    category_group,
    case when numerator > 0 or known_weight > 0 then numerator end as numerator,
    denominator,
    case when numerator > 0 or known_weight > 0 then cast(numerator as double) end as actual,
    known_weight,
    unknown_weight
from distinct_counts
union all
select
    kpi_id,
    period_type,
    period,
    member_code,
    category_group,
    cast(null as decimal(38, 10)) as numerator,
    case when denominator > 0 then denominator end as denominator,
    actual,
    known_weight,
    unknown_weight
from medians
