-- The expressions are laid out for reading, not for the SQL that they unroll to.
-- noqa: disable=LT05
{#- Each measure: its unit, whether it is a share of yes and no, and its value for a procurement. -#}
{% set measures = {
    'bids': ('bids', false, 'procurements.bid_count'),
    'single_bid_share': ('share', true, 'cast(procurements.bid_count = 1 as integer)'),
    'review_share': ('share', true, 'cast(procurements.review_applied_date is not null as integer)'),
    'questions': ('questions', false, 'procurements.questions_count'),
    'lead_time': ('days', false, 'procurements.completed_date - procurements.announced_date'),
    'hours': ('hours', false, 'procurements.coordination_hours'),
    'saving_share': ('share', false, 'savings.saving_amount / nullif(savings.before_amount, 0)'),
    'estimated_value': ('MSEK', false, 'procurements.estimated_value_amount / 1e6'),
    'above_threshold_share': ('share', true, 'cast(procurements.is_above_threshold as integer)'),
} %}
with

procurements as (
    select * from {{ ref('dim_procurement') }} where is_in_scope and is_coordinated is not null
),

savings as (
    select * from {{ ref('int_procurement_savings') }}
),

contracts as (
    select * from {{ ref('int_contract_records') }}
),

followups as (
    select * from {{ ref('fct_followup') }}
),

records as (
    {% for measure, (unit, is_share, value) in measures.items() %}
    {% if not loop.first %}union all{% endif %}
    select
        '{{ measure }}' as measure,
        '{{ unit }}' as unit,
        {{ is_share }} as is_share,
        year(procurements.completed_date) as year,
        procurements.is_coordinated,
        cast({{ value }} as double) as value
    from procurements
    left join savings on procurements.procurement_id = savings.procurement_id -- noqa: ST11
    where procurements.completed_date is not null
    {% endfor %}
    union all
    select
        'cancelled_share' as measure,
        'share' as unit,
        true as is_share,
        year(coalesce(cancelled_date, completed_date)) as year,
        is_coordinated,
        cast(cancelled_date is not null as double) as value
    from procurements
    where coalesce(cancelled_date, completed_date) is not null
    {% for measure, unit, is_share, value in [
        ('quality_score', 'score', false, 'followups.quality_score'),
        ('deviation_share', 'share', true, 'cast(followups.has_deviation as integer)'),
    ] %}
    union all
    select
        '{{ measure }}' as measure,
        '{{ unit }}' as unit,
        {{ is_share }} as is_share,
        year(followups.followup_date) as year,
        procurements.is_coordinated,
        cast({{ value }} as double) as value
    from followups
    inner join contracts on followups.contract_id = contracts.contract_id
    inner join procurements on contracts.procurement_id = procurements.procurement_id
    {% endfor %}
),

placed as (
    select
        * exclude (year),
        unnest(['ALL', cast(year as varchar)]) as year
    from records
    where value is not null
),

totals as (
    select
        measure,
        any_value(unit) as unit,
        any_value(is_share) as is_share,
        year,
        is_coordinated,
        count(*) as n,
        cast(sum({{ exact('value') }}) as double) / count(*) as mean,
        cast(sum({{ exact('pow(value, 2)') }}) as double) / count(*) as square
    from placed
    group by measure, year, is_coordinated
),

-- A mean of fewer than five says too little of its spread.
intervals as (
    select
        *,
        case
            when is_share then {{ wilson('mean', 'n', '-') }}
            when n >= 5 then mean - {{ t_quantile('n - 1') }} * sqrt(greatest(square - pow(mean, 2), 0) / (n - 1))
        end as low,
        case
            when is_share then {{ wilson('mean', 'n', '+') }}
            when n >= 5 then mean + {{ t_quantile('n - 1') }} * sqrt(greatest(square - pow(mean, 2), 0) / (n - 1))
        end as high
    from totals
),

places as (
    select distinct
        measure,
        unit,
        year
    from intervals
)

select
    places.year,
    places.measure,
    places.unit,
    {% for side in ['coordinated', 'separate'] %}
    coalesce({{ side }}.n, 0) as {{ side }}_records,
    round({{ side }}.mean, 6) as {{ side }}_value,
    round({{ side }}.low, 6) + 0.0 as {{ side }}_low,
    round({{ side }}.high, 6) + 0.0 as {{ side }}_high,
    {% endfor %}
    round(coordinated.mean - separate.mean, 6) as difference,
    round(
        coordinated.mean - separate.mean
        - {{ recovered_distance('coordinated.mean - coordinated.low', 'separate.high - separate.mean', '0') }}, 6
    ) as difference_low,
    round(
        coordinated.mean - separate.mean
        + {{ recovered_distance('coordinated.high - coordinated.mean', 'separate.mean - separate.low', '0') }}, 6
    ) as difference_high
from places
left join intervals as coordinated
    on places.measure = coordinated.measure and places.year = coordinated.year and coordinated.is_coordinated
left join intervals as separate
    on places.measure = separate.measure and places.year = separate.year and not separate.is_coordinated
order by places.year, places.measure
