{{ config(materialized='table') }}

with

procurements as (
    select * from {{ ref('int_procurements') }}
),

participation as (
    select * from {{ ref('int_procurement_participation') }}
),

savings as (
    select * from {{ ref('int_savings') }}
),

hourly_rates as (
    select * from {{ source('run', 'hourly_rates') }}
),

-- An interval is known where every part has one.
counted as (
    select
        procurement_id,
        any_value(method) as method,
        any_value(evidence_grade) as evidence_grade,
        sum(before_amount) as before_amount,
        sum(after_amount) as after_amount,
        sum(saving_amount) as saving_amount,
        case when count(low_amount) = count(*) then sum(low_amount) end as low_amount,
        case when count(high_amount) = count(*) then sum(high_amount) end as high_amount,
        sum(artefact_amount) as artefact_amount,
        sum(remainder_amount) as remainder_amount,
        -- Large numbers: squared errors in millions of kronor. The fourth power of an error of a krona is 1e-24 of them.
        sum({{ exact('pow(cast(remainder_error_amount as double) / 1e6, 2)') }}) as remainder_squares,
        sum({{ exact('pow(cast(remainder_error_amount as double) / 1e6, 4) / (bid_count - 2)', 26) }})
            as remainder_doubts
    from savings
    where is_counted
    group by procurement_id
),

-- Of several lots' reasons, the one that came furthest.
reasons as (
    select
        procurement_id,
        min_by(
            reason,
            list_position(
                ['no_winning_price', 'no_single_winner', 'fewer_than_three_bids', 'no_bids_or_calculation'],
                reason
            )
        ) as reason
    from savings
    where not is_computed
    group by procurement_id
),

-- The rate of the year of completion, else of the latest year before it; the year 0 stands for every year.
rates as (
    select
        procurements.procurement_id,
        arg_max(hourly_rates.rate, hourly_rates.from_year) as hourly_rate
    from procurements
    inner join hourly_rates on year(procurements.completed_date) >= hourly_rates.from_year
    group by procurements.procurement_id
),

costed as (
    select
        procurements.*,
        rates.hourly_rate,
        cast(
            case
                when procurements.coordination_hours > 0 and rates.hourly_rate is null then null
                when procurements.coordination_hours is not null or procurements.coordination_cost is not null
                    then
                        coalesce(procurements.coordination_hours * rates.hourly_rate, 0)
                        + coalesce(procurements.coordination_cost, 0)
            end as decimal(38, 10)
        ) as coordination_amount
    from procurements
    left join rates on procurements.procurement_id = rates.procurement_id
)

select
    costed.procurement_id,
    costed.category_group,
    costed.completed_date,
    costed.is_in_scope,
    costed.scope_exclusion,
    participation.members_known,
    participation.is_coordinated,
    counted.method,
    counted.evidence_grade,
    counted.before_amount,
    counted.after_amount,
    counted.saving_amount,
    counted.low_amount,
    counted.high_amount,
    counted.artefact_amount,
    counted.remainder_amount,
    counted.remainder_squares,
    counted.remainder_doubts,
    case
        when counted.procurement_id is null then coalesce(reasons.reason, 'no_bids_or_calculation')
    end as reason,
    costed.coordination_hours,
    costed.coordination_cost,
    costed.hourly_rate,
    costed.coordination_amount,
    -- Hours that no rate puts a price on leave the cost unknown; nothing registered is no known cost.
    coalesce(costed.coordination_hours > 0 and costed.hourly_rate is null, false) as is_rate_missing
from costed
inner join participation on costed.procurement_id = participation.procurement_id
left join counted on costed.procurement_id = counted.procurement_id
left join reasons on costed.procurement_id = reasons.procurement_id
