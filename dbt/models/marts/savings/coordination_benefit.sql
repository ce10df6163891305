-- The expressions are laid out for reading, not for the SQL that they unroll to.
-- noqa: disable=LT05
-- What a year needs before its benefit can be said to be known: see `verdict` in the YAML beside this file.
{% set least_coverage = 0.5 %}
{% set least_procurements = 5 %}
{% set methods = ['basket', 'negotiation', 'market_price'] %}
with

savings as (
    select * from {{ ref('int_procurement_savings') }} where is_in_scope and completed_date is not null
),

participation as (
    select * from {{ ref('int_procurement_participation') }}
),

purchases as (
    select * from {{ ref('fct_contract_purchase') }}
),

volumes as (
    select * from {{ ref('int_procurement_volumes') }}
),

bought as (
    select
        procurement_id,
        sum(amount) as amount
    from purchases
    where procurement_id is not null
    group by procurement_id
),

-- Hours of a procurement that one member carried out alone: what each of several would have spent.
alone as (
    select
        cast(sum(coordination_hours) as double) / count(coordination_hours) as mean_hours,
        count(coordination_hours) as procurements
    from savings
    where is_coordinated = false
),

judged as (
    select
        savings.*,
        year(savings.completed_date) as calendar_year,
        participation.member_count,
        savings.coordination_hours * savings.hourly_rate as hours_amount,
        savings.coordination_cost as direct_amount,
        savings.saving_amount / nullif(savings.after_amount, 0) * volumes.expected_volume_amount
            as contracted_amount,
        savings.saving_amount / nullif(savings.after_amount, 0) * bought.amount as realised_amount,
        savings.saving_amount / nullif(savings.before_amount, 0) as saving_share,
        case
            when savings.is_coordinated and alone.procurements >= {{ least_procurements }}
                then (participation.member_count - 1) * alone.mean_hours * savings.hourly_rate
        end as process_amount
    from savings
    inner join participation on savings.procurement_id = participation.procurement_id
    cross join alone
    left join volumes on savings.procurement_id = volumes.procurement_id
    left join bought on savings.procurement_id = bought.procurement_id
),

single as (
    select
        'procurement' as level,
        calendar_year as year,
        procurement_id,
        1 as procurements,
        cast(saving_amount is not null as integer) as with_saving,
        cast(coordination_amount is not null as integer) as with_cost,
        saving_amount,
        low_amount,
        high_amount,
        saving_amount - coalesce(artefact_amount, 0) as without_artefact_amount,
        remainder_squares,
        remainder_doubts,
        remainder_amount,
        {% for method in methods %}
        case when method = '{{ method }}' then saving_amount end as {{ method }}_amount,
        {% endfor %}
        contracted_amount,
        realised_amount,
        coordination_hours,
        hours_amount,
        direct_amount,
        coordination_amount,
        process_amount,
        is_rate_missing
    from judged
    where is_coordinated
),

years as (
    select
        'year' as level,
        year,
        '' as procurement_id,
        count(*) as procurements,
        sum(with_saving) as with_saving,
        sum(with_cost) as with_cost,
        sum(saving_amount) as saving_amount,
        sum(coalesce(low_amount, saving_amount)) as low_amount,
        sum(coalesce(high_amount, saving_amount)) as high_amount,
        sum(without_artefact_amount) as without_artefact_amount,
        sum(remainder_squares) as remainder_squares,
        sum(remainder_doubts) as remainder_doubts,
        sum(remainder_amount) as remainder_amount,
        {% for method in methods %}
        sum({{ method }}_amount) as {{ method }}_amount,
        {% endfor %}
        cast(sum({{ exact('contracted_amount') }}) as double) as contracted_amount,
        cast(sum({{ exact('realised_amount') }}) as double) as realised_amount,
        sum(coordination_hours) as coordination_hours,
        sum(hours_amount) as hours_amount,
        sum(direct_amount) as direct_amount,
        sum(coordination_amount) as coordination_amount,
        cast(sum({{ exact('process_amount') }}) as double) as process_amount,
        bool_or(is_rate_missing) as is_rate_missing
    from single
    group by year
),

-- Savings in per cent, coordinated and not: the nearest there is to what would have been without coordination.
shares as (
    select
        calendar_year as year,
        is_coordinated,
        count(saving_share) as n,
        cast(sum({{ exact('saving_share') }}) as double) / nullif(count(saving_share), 0) as mean,
        cast(sum({{ exact('pow(saving_share, 2)') }}) as double) / nullif(count(saving_share), 0) as square
    from judged
    where is_coordinated is not null
    group by calendar_year, is_coordinated
),

compared as (
    select
        years.year,
        coordinated.mean as coordinated_saving_share,
        separate.mean as separate_saving_share,
        coalesce(separate.n, 0) as separate_procurements,
        coordinated.mean - separate.mean as difference,
        case
            when least(coordinated.n, separate.n) >= {{ least_procurements }}
                then
                    {{ t_quantile('least(coordinated.n, separate.n) - 1') }}
                    * sqrt(
                        greatest(coordinated.square - pow(coordinated.mean, 2), 0) / (coordinated.n - 1)
                        + greatest(separate.square - pow(separate.mean, 2), 0) / (separate.n - 1)
                    )
        end as margin
    from years
    left join shares as coordinated on years.year = coordinated.year and coordinated.is_coordinated
    left join shares as separate on years.year = separate.year and not separate.is_coordinated
),

every_row as (
    select * from single
    union all by name
    select * from years
),

netted as (
    select
        every_row.*,
        compared.* exclude (year), -- noqa: RF02
        case
            when not every_row.is_rate_missing or every_row.level = 'year'
                then coalesce(every_row.coordination_amount, 0)
        end as cost,
        least(every_row.with_saving, every_row.with_cost) / every_row.procurements as coverage,
        coalesce(
            1e6 * sqrt(cast(every_row.remainder_squares as double))
            * {{ remainder_quantile('cast(every_row.remainder_squares as double)', 'cast(every_row.remainder_doubts as double)') }}, 0
        ) as remainder_margin
    from every_row
    left join compared on every_row.level = 'year' and every_row.year = compared.year
),

answered as (
    select
        *,
        case
            when level = 'procurement' and with_saving = 0 then 'no_saving'
            when level = 'procurement' and is_rate_missing then 'no_hourly_rate'
            when level = 'procurement' and with_cost = 0 then 'no_cost'
            when with_cost = 0 then 'no_cost'
            when coverage < {{ least_coverage }} then 'too_few_known'
            when
                market_price_amount > saving_amount / 2
                and coalesce(remainder_amount between -remainder_margin and remainder_margin, true)
                then 'rests_on_chance'
            when level = 'year' and margin is null then 'nothing_to_compare_with'
            when level = 'year' and saving_amount > cost and difference <= margin then 'saves_no_more'
        end as reason
    from netted
)

select
    level,
    cast(year as bigint) as year,
    procurement_id,
    cast(procurements as bigint) as procurements,
    cast(with_saving as bigint) as computed_procurements,
    cast(with_cost as bigint) as costed_procurements,
    round(cast(coverage as double), 6) as coverage,
    {% for amount in ['saving', 'low', 'high'] %}
    cast({{ amount }}_amount as decimal(18, 2)) as enabled_{{ amount }}_amount,
    {% endfor %}
    {% for method in methods %}
    cast({{ method }}_amount as decimal(18, 2)) as {{ method }}_saving_amount,
    {% endfor %}
    cast(contracted_amount as decimal(18, 2)) as contracted_saving_amount,
    cast(realised_amount as decimal(18, 2)) as realised_saving_amount,
    cast(coordination_hours as decimal(18, 2)) as coordination_hours,
    cast(hours_amount as decimal(18, 2)) as hours_amount,
    cast(direct_amount as decimal(18, 2)) as direct_cost_amount,
    cast(saving_amount - cost as decimal(18, 2)) as net_amount,
    cast(coalesce(low_amount, saving_amount) - cost as decimal(18, 2)) as net_low_amount,
    cast(coalesce(high_amount, saving_amount) - cost as decimal(18, 2)) as net_high_amount,
    cast(without_artefact_amount - cost as decimal(18, 2)) as net_without_artefact_amount,
    cast(process_amount as decimal(18, 2)) as process_saving_amount,
    round(coordinated_saving_share, 6) as coordinated_saving_share,
    round(separate_saving_share, 6) as separate_saving_share,
    cast(separate_procurements as bigint) as separate_procurements,
    round(difference, 6) as saving_share_difference,
    round(difference - margin, 6) as saving_share_difference_low,
    round(difference + margin, 6) as saving_share_difference_high,
    case
        when reason is not null then 'not_identified'
        when saving_amount - cost > 0 then 'gain'
        else 'loss'
    end as verdict,
    reason
from answered
order by level, year, procurement_id
