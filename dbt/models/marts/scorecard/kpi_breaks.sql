-- Where the target that an indicator is held to becomes another than in the period before, so that no chart draws
-- one line across. One row per indicator, member and published period with a break.
with

catalogue as (
    select * from {{ ref('kpi_catalogue') }}
),

targets as (
    select targets.*
    from {{ ref('stg_targets') }} as targets
    inner join {{ source('run', 'settings') }} as settings on targets.organisation = settings.organisation
    -- What is not in the catalogue has no figures to draw.
    inner join catalogue on targets.kpi_id = catalogue.kpi_id
),

periods as (
    select * from {{ ref('dim_period') }}
),

series as (
    select distinct
        kpi_id,
        'ALL' as member_code
    from targets
    union
    select distinct
        kpi_id,
        member_code
    from targets
    where member_code is not null
),

-- The target in force on each period's last day: a member's own before the common one.
in_force as (
    select
        series.kpi_id,
        series.member_code,
        periods.period_type,
        periods.period,
        periods.period_end,
        targets.plan_id,
        targets.operator,
        cast(targets.target_value as double) as target,
        targets.note
    from series
    cross join periods
    left join targets
        on
            series.kpi_id = targets.kpi_id
            and coalesce(targets.member_code, series.member_code) = series.member_code
            and periods.period_end >= targets.valid_from
            and periods.period_end <= coalesce(targets.valid_to, date '9999-12-31')
    qualify row_number() over (
        partition by series.kpi_id, series.member_code, periods.period_type, periods.period
        order by targets.member_code nulls last
    ) = 1
),

compared as (
    select
        *,
        lag(period) over own_line as previous_period,
        lag(plan_id) over own_line as plan_before,
        lag(operator) over own_line as operator_before,
        lag(target) over own_line as target_before,
        lag(note) over own_line as note_before
    from in_force
    window own_line as (partition by kpi_id, member_code, period_type order by period_end)
),

judged as (
    select
        *,
        coalesce(plan_id, '') <> coalesce(plan_before, '') as is_plan_changed,
        coalesce(operator, '') <> coalesce(operator_before, '')
        -- The same comparison has a level on both sides or on neither.
        or coalesce(target, 0) <> coalesce(target_before, 0) as is_target_changed,
        -- What the plan says of the measure beside its level: other words may count other records.
        coalesce(trim(note), '') <> coalesce(trim(note_before), '') as is_wording_changed
    from compared
    where previous_period is not null
),

breaks as (
    select
        judged.*,
        case
            when judged.operator_before is null then 'begins'
            when judged.operator is null then 'ends'
            else 'changes'
        end as kind,
        catalogue.concept,
        catalogue.area,
        catalogue.unit
    from judged
    inner join catalogue on judged.kpi_id = catalogue.kpi_id
    where judged.is_plan_changed or judged.is_target_changed or judged.is_wording_changed
),

-- A plan that measures the same thing in another way ends one series and begins another, or splits one in two.
fellows as (
    select
        breaks.kpi_id,
        breaks.member_code,
        breaks.period_type,
        breaks.period,
        string_agg(others.kpi_id, ', ' order by others.kpi_id) as breaks_with,
        bool_or(others.unit <> breaks.unit) as is_unit_changed
    from breaks
    inner join breaks as others
        on
            (breaks.concept = others.concept or breaks.area = others.area)
            and breaks.member_code = others.member_code
            and breaks.period_type = others.period_type
            and breaks.period = others.period
            and breaks.kind <> others.kind
    group by breaks.kpi_id, breaks.member_code, breaks.period_type, breaks.period
)

select
    breaks.kpi_id,
    breaks.member_code,
    breaks.period_type,
    breaks.period,
    breaks.previous_period,
    breaks.kind,
    breaks.is_plan_changed,
    breaks.is_target_changed,
    breaks.is_wording_changed,
    coalesce(fellows.is_unit_changed, false) as is_unit_changed,
    fellows.breaks_with,
    breaks.plan_before,
    breaks.plan_id as plan_after,
    breaks.operator_before,
    breaks.operator as operator_after,
    breaks.target_before,
    breaks.target as target_after,
    breaks.note_before,
    breaks.note as note_after
from breaks
left join fellows
    on
        breaks.kpi_id = fellows.kpi_id
        and breaks.member_code = fellows.member_code
        and breaks.period_type = fellows.period_type
        and breaks.period = fellows.period
