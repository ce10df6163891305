-- What every published sum over savings consists of: a method's part of it, and what coordination cost.
with

savings as (
    select * from {{ ref('int_procurement_savings') }}
),

evidence as (
    select * from {{ ref('int_evidence') }}
    where kpi_id in ('enabled_savings', 'net_coordination_benefit') and exclusion is null
),

purchases as (
    select * from {{ ref('fct_contract_purchase') }} where exclusion is null
),

periods as (
    select * from {{ ref('dim_period') }}
),

records as (
    select
        evidence.kpi_id,
        evidence.event_date,
        evidence.member_code,
        evidence.category_group,
        savings.method as part,
        savings.saving_amount as amount,
        savings.artefact_amount
    from evidence
    inner join savings on evidence.record_id = savings.procurement_id
    where savings.saving_amount is not null
    union all
    select
        evidence.kpi_id,
        evidence.event_date,
        evidence.member_code,
        evidence.category_group,
        'cost' as part,
        -savings.coordination_amount as amount,
        null as artefact_amount
    from evidence
    inner join savings on evidence.record_id = savings.procurement_id
    where evidence.kpi_id = 'net_coordination_benefit' and savings.coordination_amount is not null
    union all
    -- What chance gives is spread over the purchases as the saving is.
    select
        'realised_savings' as kpi_id,
        purchases.booking_date as event_date,
        unnest(case when purchases.member_code is null then ['ALL'] else ['ALL', purchases.member_code] end)
            as member_code,
        purchases.category_group,
        savings.method as part,
        purchases.saving_share * purchases.amount as amount,
        savings.artefact_amount / savings.after_amount * purchases.amount as artefact_amount
    from purchases
    inner join savings on purchases.procurement_id = savings.procurement_id
),

combined as (
    select * replace ('ALL' as category_group) from records
    union all
    select * from records where member_code = 'ALL' and category_group is not null
)

select
    combined.kpi_id,
    periods.period_type,
    periods.period,
    combined.member_code,
    combined.category_group,
    combined.part,
    cast(sum({{ exact('combined.amount') }}) as decimal(18, 2)) as amount,
    cast(sum({{ exact('combined.artefact_amount') }}) as decimal(18, 2)) as artefact_amount
from combined
inner join periods on combined.event_date between periods.period_start and periods.period_end
group by all
order by
    combined.kpi_id,
    periods.period_type,
    periods.period,
    combined.member_code,
    combined.category_group,
    combined.part
