with

purchases as (
    select * from {{ ref('fct_contract_purchase') }}
),

contracts as (
    select * from {{ ref('int_contract_records') }}
),

rows_of_contracts as (
    select * from {{ ref('dim_contract') }}
),

leaked as (
    select * from {{ ref('int_leaked_purchases') }}
),

savings as (
    select * from {{ ref('int_procurement_savings') }}
),

periods as (
    select * from {{ ref('dim_period') }} where period_type in ('quarter', 'year')
),

-- A framework is in force as long as one of its suppliers is held by it.
terms as (
    select
        contract_id,
        min(valid_from_date) as valid_from_date,
        max(coalesce(in_force_until_date, date '9999-12-31')) as until_date,
        {{ of_contract('expected_volume_amount') }} as expected_volume_amount
    from rows_of_contracts
    group by contract_id
),

-- What a krona paid saves; and a krona paid wild, at the old price, would have.
known as (
    select
        contracts.contract_id,
        contracts.procurement_id,
        contracts.category_group,
        case when savings.is_in_scope then savings.method end as method,
        terms.valid_from_date,
        terms.until_date,
        terms.expected_volume_amount,
        case when savings.is_in_scope then savings.saving_amount / nullif(savings.after_amount, 0) end
            as saving_share,
        case when savings.is_in_scope then savings.saving_amount / nullif(savings.before_amount, 0) end
            as lost_share,
        case
            when savings.procurement_id is null then 'no_procurement'
            when not savings.is_in_scope then 'out_of_scope'
            when savings.reason is not null then savings.reason
            when savings.after_amount = 0 then 'nothing_paid_after'
        end as reason
    from contracts
    inner join terms on contracts.contract_id = terms.contract_id
    left join savings on contracts.procurement_id = savings.procurement_id
),

bought as (
    select
        contract_id,
        last_day(booking_date) as month_end,
        sum(amount) filter (where compliance_class = 'on_contract') as on_contract_amount,
        sum(amount) filter (where compliance_class = 'over_ceiling') as over_ceiling_amount
    from purchases
    group by contract_id, last_day(booking_date)
),

months as (
    select
        *,
        cast(null as decimal(38, 10)) as wild_amount
    from bought
    union all by name
    select
        contract_id,
        month_end,
        amount as wild_amount
    from leaked
),

-- A contract that saves is told of in every period in which it could have been used, though nobody bought on it.
by_period as (
    select
        periods.period_type,
        periods.period,
        periods.period_end,
        months.contract_id,
        months.on_contract_amount,
        months.over_ceiling_amount,
        months.wild_amount
    from months
    inner join periods on months.month_end between periods.period_start and periods.period_end
    union all by name
    select
        periods.period_type,
        periods.period,
        periods.period_end,
        known.contract_id
    from known
    inner join periods
        on known.valid_from_date <= periods.period_end and known.until_date >= periods.period_start
    where known.saving_share is not null
),

placed as (
    select
        period_type,
        period,
        period_end,
        contract_id,
        coalesce(sum(on_contract_amount), 0) as on_contract_amount,
        coalesce(sum(over_ceiling_amount), 0) as over_ceiling_amount,
        coalesce(sum(wild_amount), 0) as wild_amount
    from by_period
    group by period_type, period, period_end, contract_id
),

cumulated as (
    select
        *,
        sum(on_contract_amount + over_ceiling_amount) over (
            partition by contract_id, period_type order by period_end
        ) as bought_to_date_amount
    from placed
)

select
    cumulated.period_type,
    cumulated.period,
    cumulated.contract_id,
    known.procurement_id,
    known.category_group,
    known.method,
    round(known.saving_share, 10) as saving_share,
    known.reason,
    cast(cumulated.on_contract_amount as decimal(18, 2)) as on_contract_amount,
    cast(cumulated.over_ceiling_amount as decimal(18, 2)) as over_ceiling_amount,
    cast(known.saving_share * known.expected_volume_amount as decimal(18, 2)) as contracted_saving_amount,
    cast(
        known.saving_share * (cumulated.on_contract_amount + cumulated.over_ceiling_amount) as decimal(18, 2)
    ) as realised_saving_amount,
    cast(known.expected_volume_amount as decimal(18, 2)) as expected_volume_amount,
    cast(cumulated.bought_to_date_amount as decimal(18, 2)) as bought_to_date_amount,
    round(cumulated.bought_to_date_amount / nullif(known.expected_volume_amount, 0), 6) as take_up_share,
    -- How much of the term has gone, to hold the take-up against.
    case
        when known.until_date < date '9999-12-31'
            then
                round(
                    greatest(least(
                        (least(cumulated.period_end, known.until_date) - known.valid_from_date + 1)
                        / (known.until_date - known.valid_from_date + 1), 1.0
                    ), 0.0), 6
                )
    end as elapsed_share,
    case
        when known.saving_share is not null then cast(cumulated.wild_amount as decimal(18, 2))
    end as wild_amount,
    cast(known.lost_share * cumulated.wild_amount as decimal(18, 2)) as lost_saving_amount
from cumulated
inner join known on cumulated.contract_id = known.contract_id
order by cumulated.period_type, cumulated.period, cumulated.contract_id
