-- Numerators, denominators and weights per indicator, month, member and group, for figures that add up over months.
-- The published combinations only: (ALL, ALL), (member, ALL) and (ALL, group).
{{ config(materialized='table') }}
with
catalogue as (select * from {{ ref('kpi_catalogue') }} where is_live),

registers as (
    select
        evidence.kpi_id,
        evidence.member_code,
        evidence.category_group,
        cast(date_trunc('month', evidence.event_date) as date) as month_start,
        sum(evidence.numerator) filter (where evidence.exclusion is null) as numerator,
        sum(evidence.denominator) filter (where evidence.exclusion is null) as denominator,
        count(*) filter (where evidence.exclusion is null) as counted,
        sum(cast(evidence.known_weight as decimal(38, 10))) as known_weight,
        sum(cast(evidence.unknown_weight as decimal(38, 10))) as unknown_weight
    from {{ ref('int_evidence') }} as evidence
    group by all
),

ledgers as (
    select
        kpi_id,
        member_code,
        category_group,
        month_start,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        sum(counted) as counted,
        sum(known_weight) as known_weight,
        sum(unknown_weight) as unknown_weight
    from {{ ref('int_ledger_months') }}
    group by all
),

combined as (
    select
        kpi_id,
        member_code,
        'ALL' as category_group,
        * exclude (kpi_id, member_code, category_group)
    from registers
    union all
    select * from registers where member_code = 'ALL' and category_group is not null
    union all
    select
        kpi_id,
        'ALL' as member_code,
        'ALL' as category_group,
        * exclude (kpi_id, member_code, category_group)
    from ledgers
    union all
    select
        kpi_id,
        member_code,
        'ALL' as category_group,
        * exclude (kpi_id, member_code, category_group)
    from ledgers
    where member_code is not null
    union all
    select
        kpi_id,
        'ALL' as member_code,
        category_group,
        * exclude (kpi_id, member_code, category_group)
    from ledgers
    where category_group is not null
)

select
    combined.kpi_id,
    combined.member_code,
    combined.category_group,
    combined.month_start,
    sum(combined.numerator) as numerator,
    sum(combined.denominator) as denominator,
    cast(sum(combined.counted) as bigint) as counted,
    sum(combined.known_weight) as known_weight,
    sum(combined.unknown_weight) as unknown_weight
from combined
inner join catalogue on combined.kpi_id = catalogue.kpi_id
group by all
