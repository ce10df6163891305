-- What each cluster (a procurement, a supplier, a respondent; else the record itself) adds to a figure. One row per
-- indicator, period, member, group and cluster. Exact decimals, so that sums over clusters do not depend on their order.
{{ config(materialized='table') }}
with
methods as (
    select
        methods.kpi_id,
        methods.method,
        catalogue.aggregation,
        catalogue.period_rule
    from {{ ref('int_kpi_methods') }} as methods
    inner join {{ ref('kpi_catalogue') }} as catalogue on methods.kpi_id = catalogue.kpi_id
    where catalogue.is_live and methods.method not in ('rate', 'estimate', 'none')
),

periods as (select * from {{ ref('dim_period') }}),

period_months as (
    select
        period_type,
        period,
        cast(unnest(generate_series(period_start, period_end, interval 1 month)) as date) as month_start
    from periods
),

register_months as (
    select
        evidence.kpi_id,
        evidence.member_code,
        evidence.category_group,
        evidence.cluster_id,
        cast(date_trunc('month', evidence.event_date) as date) as month_start,
        sum(evidence.numerator) as numerator,
        sum(evidence.denominator) as denominator,
        sum(cast(pow(cast(evidence.numerator as double), 2) as decimal(38, 10))) as numerator_squares
    from {{ ref('int_evidence') }} as evidence
    inner join methods on evidence.kpi_id = methods.kpi_id
    where
        evidence.exclusion is null
        and methods.aggregation in ('ratio', 'sum')
        and methods.period_rule is null
    group by all
),

ledger_months as (
    select
        ledgers.kpi_id,
        ledgers.member_code,
        ledgers.category_group,
        ledgers.cluster_id,
        ledgers.month_start,
        ledgers.numerator,
        ledgers.denominator,
        cast(null as decimal(38, 10)) as numerator_squares
    from {{ ref('int_ledger_months') }} as ledgers
    inner join methods on ledgers.kpi_id = methods.kpi_id
    where ledgers.counted > 0
),

placed_months as (
    select
        * exclude (category_group),
        'ALL' as category_group
    from register_months
    union all by name
    select * from register_months where member_code = 'ALL' and category_group is not null
    union all by name
    select
        * exclude (member_code, category_group),
        'ALL' as member_code,
        'ALL' as category_group
    from ledger_months
    union all by name
    select
        * exclude (category_group),
        'ALL' as category_group
    from ledger_months
    where member_code is not null
    union all by name
    select
        * exclude (member_code),
        'ALL' as member_code
    from ledger_months
    where category_group is not null
),

-- First to one row per month: a month belongs to a dozen periods.
months as (
    select
        kpi_id,
        member_code,
        category_group,
        cluster_id,
        month_start,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        sum(numerator_squares) as numerator_squares
    from placed_months
    group by all
),

records as (
    select
        records.*,
        methods.aggregation,
        methods.period_rule
    from {{ ref('int_kpi_records') }} as records
    inner join methods on records.kpi_id = methods.kpi_id
    where records.is_counted
)

select
    months.kpi_id,
    period_months.period_type,
    period_months.period,
    months.member_code,
    months.category_group,
    months.cluster_id,
    sum(months.numerator) as numerator,
    sum(months.denominator) as denominator,
    sum(months.numerator_squares) as numerator_squares
from months
inner join period_months on months.month_start = period_months.month_start
group by all
union all
select
    records.kpi_id,
    period_months.period_type,
    period_months.period,
    records.member_code,
    records.category_group,
    records.cluster_id,
    -- A record that is met several times in the period is one.
    cast(count(distinct records.record_id) as decimal(38, 10)) as numerator,
    cast(null as decimal(38, 10)) as denominator,
    cast(null as decimal(38, 10)) as numerator_squares
from records
inner join period_months
    on cast(date_trunc('month', records.event_date) as date) = period_months.month_start
where records.aggregation = 'count_distinct'
group by all
union all
select
    records.kpi_id,
    periods.period_type,
    periods.period,
    records.member_code,
    records.category_group,
    records.cluster_id,
    sum({{ placed_numerator('records', 'periods') }}) as numerator,
    sum(records.denominator) as denominator,
    cast(null as decimal(38, 10)) as numerator_squares
from records
inner join periods on {{ is_placed('records', 'periods') }}
where records.period_rule is not null
group by
    records.kpi_id,
    periods.period_type,
    periods.period,
    records.member_code,
    records.category_group,
    records.cluster_id
