-- What the board has reported earlier, beside what is computed from its records. One row per indicator and period.
with

outcomes as (
    select outcomes.*
    from {{ ref('stg_published_outcomes') }} as outcomes
    inner join {{ source('run', 'settings') }} as settings on outcomes.organisation = settings.organisation
),

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

figures as (
    select * from {{ ref('kpi_values') }} where member_code = 'ALL' and category_group = 'ALL'
),

compared as (
    select
        outcomes.organisation,
        outcomes.kpi_id,
        outcomes.period,
        cast(outcomes.value as double) as published,
        outcomes.decimals,
        catalogue.unit,
        outcomes.source,
        figures.actual as computed,
        -- Both in the precision of the report, so that neither is held to more than was said.
        round(figures.actual, cast(coalesce(outcomes.decimals, 10) as integer)) as computed_as_reported,
        round(cast(outcomes.value as double), cast(coalesce(outcomes.decimals, 10) as integer)) as reported,
        power(10.0, -coalesce(outcomes.decimals, 10)) as last_place,
        outcomes.source_file,
        outcomes.source_row
    from outcomes
    left join catalogue on outcomes.kpi_id = catalogue.kpi_id
    left join figures on outcomes.kpi_id = figures.kpi_id and outcomes.period = figures.period
)

select
    organisation,
    kpi_id,
    period,
    published,
    decimals,
    unit,
    source,
    computed,
    computed_as_reported - reported as difference,
    -- Two rounded values are equal or a whole last place apart; anything less is how a computer holds fractions.
    abs(computed_as_reported - reported) < last_place / 2 as agrees,
    source_file,
    source_row
from compared
