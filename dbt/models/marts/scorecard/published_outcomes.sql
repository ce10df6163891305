-- What the board has reported earlier, beside what is computed from its records. One row per indicator and period.
with
outcomes as (
    select outcomes.*
    from {{ ref('stg_published_outcomes') }} as outcomes
    inner join {{ source('run', 'settings') }} as settings on outcomes.organisation = settings.organisation
),

figures as (
    select * from {{ ref('kpi_values') }} where member_code = 'ALL' and category_group = 'ALL'
)

select
    outcomes.organisation,
    outcomes.kpi_id,
    outcomes.period,
    cast(outcomes.value as double) as published,
    outcomes.decimals,
    outcomes.source,
    figures.actual as computed,
    round(figures.actual, cast(coalesce(outcomes.decimals, 10) as integer))
    - cast(outcomes.value as double) as difference,
    outcomes.source_file,
    outcomes.source_row
from outcomes
left join figures on outcomes.kpi_id = figures.kpi_id and outcomes.period = figures.period
