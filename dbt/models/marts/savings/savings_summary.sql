with

savings as (
    select * from {{ ref('int_procurement_savings') }}
    where is_in_scope and completed_date is not null
),

volumes as (
    select * from {{ ref('int_procurement_volumes') }}
),

dimensions as (
    select * from {{ ref('int_record_dimensions') }} where record_kind = 'procurement'
),

periods as (
    select * from {{ ref('dim_period') }}
),

-- Each procurement with its own method and with ALL of them; without a method it is in ALL alone.
placed as (
    select
        savings.* exclude (method, category_group), -- noqa: RF02
        unnest(list_distinct(['ALL', coalesce(savings.method, 'ALL')])) as method,
        dimensions.member_code,
        dimensions.category_group,
        savings.saving_amount / nullif(savings.after_amount, 0) * volumes.expected_volume_amount
            as contracted_amount
    from savings
    inner join dimensions on savings.procurement_id = dimensions.record_id
    left join volumes on savings.procurement_id = volumes.procurement_id
),

combined as (
    select * replace ('ALL' as category_group) from placed
    union all
    select * from placed where member_code = 'ALL' and category_group is not null
),

totals as (
    select
        periods.period_type,
        periods.period,
        combined.member_code,
        combined.category_group,
        combined.method,
        count(*) as procurements,
        count(combined.saving_amount) as computed_procurements,
        sum(combined.before_amount) as before_amount,
        sum(combined.after_amount) as after_amount,
        sum(combined.saving_amount) as saving_amount,
        sum(coalesce(combined.low_amount, combined.saving_amount)) as low_amount,
        sum(coalesce(combined.high_amount, combined.saving_amount)) as high_amount,
        count(combined.low_amount) as interval_procurements,
        sum({{ exact('combined.contracted_amount') }}) as contracted_amount,
        count(combined.contracted_amount) as contracted_procurements,
        sum(combined.artefact_amount) as artefact_amount,
        sum(combined.saving_amount - coalesce(combined.artefact_amount, 0)) as without_artefact_amount,
        sum(combined.remainder_amount) as remainder_amount,
        -- Squared errors are in millions of kronor.
        cast(sum(combined.remainder_squares) as double) as squares,
        cast(sum(combined.remainder_doubts) as double) as doubts
    from combined
    inner join periods on combined.completed_date between periods.period_start and periods.period_end
    group by
        periods.period_type, periods.period, combined.member_code, combined.category_group, combined.method
)

select
    period_type,
    period,
    member_code,
    category_group,
    method,
    procurements,
    computed_procurements,
    procurements - computed_procurements as not_computed_procurements,
    cast(before_amount as decimal(18, 2)) as before_amount,
    cast(after_amount as decimal(18, 2)) as after_amount,
    cast(saving_amount as decimal(18, 2)) as saving_amount,
    cast(low_amount as decimal(18, 2)) as low_amount,
    cast(high_amount as decimal(18, 2)) as high_amount,
    interval_procurements,
    cast(contracted_amount as decimal(18, 2)) as contracted_saving_amount,
    contracted_procurements,
    cast(artefact_amount as decimal(18, 2)) as artefact_amount,
    cast(without_artefact_amount as decimal(18, 2)) as without_artefact_amount,
    cast(remainder_amount as decimal(18, 2)) as remainder_amount,
    {% for end, sign in [('low', '-'), ('high', '+')] %}
    cast(
        cast(remainder_amount as double)
        {{ sign }} 1e6 * sqrt(squares) * {{ remainder_quantile('squares', 'doubts') }}
        as decimal(18, 2)
    ) as remainder_{{ end }}_amount,
    {% endfor %}
    -- If those that cannot be computed had saved as much each.
    cast(saving_amount / computed_procurements * procurements as decimal(18, 2)) as if_unknown_alike_amount
from totals
order by period_type, period, member_code, category_group, method
