-- noqa: disable=LT02
-- Every figure, with its target and status. One row per indicator, period, member and group that is published.
{% set judged_on_year -%}
    (catalogue.aggregation in ('sum', 'count_distinct') or catalogue.kpi_id = 'training_hours_per_employee')
{%- endset %}
with
catalogue as (select * from {{ ref('kpi_catalogue') }}),

targets as (
    select targets.*
    from {{ ref('stg_targets') }} as targets
    inner join {{ source('run', 'settings') }} as settings on targets.organisation = settings.organisation
),

figures as (
    select
        figures.*,
        catalogue.unit,
        case
            when figures.category_group <> 'ALL' then false
            when figures.kpi_id = 'bidder_survey_procurements' then figures.period_type = 'quarter'
            when {{ judged_on_year }} then figures.period_type in ('year', 'ytd')
            else true
        end as is_judged,
        figures.member_code = 'ALL'
        or (not {{ judged_on_year }}) as takes_common_target,
        {{ judged_on_year }}
        and figures.period_type = 'ytd'
        and figures.kpi_id <> 'bidder_survey_procurements' as is_pro_rata
    from {{ ref('int_kpi_figures') }} as figures
    inner join catalogue on figures.kpi_id = catalogue.kpi_id
),

-- A member's own target before the common one.
aimed as (
    select
        figures.*,
        coalesce(own.operator, common.operator) as operator,
        case when own.operator is not null then own.plan_id else common.plan_id end as plan_id,
        cast(case when own.operator is not null then own.target_value else common.target_value end as double)
        * case when figures.is_pro_rata then figures.month_count / 12.0 else 1.0 end as target,
        earlier.actual as earlier,
        intervals.method,
        intervals.low,
        intervals.high,
        changes.change_low,
        changes.change_high,
        changes.change_verdict
    from figures
    left join targets as own
        on
            figures.is_judged
            and figures.kpi_id = own.kpi_id
            and figures.member_code = own.member_code
            and figures.period_end between own.valid_from and coalesce(own.valid_to, date '9999-12-31')
    left join targets as common
        on
            figures.is_judged
            and figures.takes_common_target
            and figures.kpi_id = common.kpi_id
            and common.member_code is null
            and figures.period_end between common.valid_from and coalesce(common.valid_to, date '9999-12-31')
    left join figures as earlier
        on
            figures.kpi_id = earlier.kpi_id
            and figures.period_type = earlier.period_type
            and figures.member_code = earlier.member_code
            and figures.category_group = earlier.category_group
            and {{ period_a_year_before('figures.period') }} = earlier.period
    {% for relation, name in [
        (ref('int_kpi_intervals'), 'intervals'), (ref('int_kpi_changes'), 'changes')
    ] -%}
    left join {{ relation }} as {{ name }}
        on
            figures.kpi_id = {{ name }}.kpi_id
            and figures.period_type = {{ name }}.period_type
            and figures.period = {{ name }}.period
            and figures.member_code = {{ name }}.member_code
            and figures.category_group = {{ name }}.category_group
    {% endfor -%}
),

-- What another choice among the contracts that fit a line could make of a figure.
chosen as (
    select
        aimed.*,
        bounds.low_change,
        bounds.high_change,
        cast(aimed.numerator - bounds.low_change as double)
        / nullif(cast(aimed.denominator as double), 0) as least_over,
        cast(aimed.numerator - bounds.high_change as double)
        / nullif(cast(aimed.denominator as double), 0) as most_over,
        bounds.contracts_low_change,
        bounds.contracts_high_change
    from aimed
    left join {{ ref('int_ceiling_bounds') }} as bounds
        on
            aimed.kpi_id in ('contract_compliance_value', 'ceiling_exceeded_count')
            and aimed.period_type = bounds.period_type
            and aimed.period = bounds.period
            and aimed.member_code = bounds.member_code
            and aimed.category_group = bounds.category_group
            and bounds.supplier_id = 'ALL'
)

select
    kpi_id,
    period_type,
    period,
    period_start,
    period_end,
    member_code,
    category_group,
    cast(numerator as double) as numerator,
    cast(denominator as double) as denominator,
    actual,
    -- Only what was asked of some, or drawn, is an estimate; the rest was counted in full, and its interval only judges.
    -- Low and high of what is ambiguous are bounds: whichever contract fits, the figure is between them.
    case
        when method in ('survey', 'estimate') then low
        when kpi_id = 'contract_compliance_value' and (low_change <> 0 or high_change <> 0)
            then least(least_over, most_over)
        when kpi_id = 'ceiling_exceeded_count' and (contracts_low_change <> 0 or contracts_high_change <> 0)
            then actual + contracts_low_change
    end as low,
    case
        when method in ('survey', 'estimate') then high
        when kpi_id = 'contract_compliance_value' and (low_change <> 0 or high_change <> 0)
            then greatest(least_over, most_over)
        when kpi_id = 'ceiling_exceeded_count' and (contracts_low_change <> 0 or contracts_high_change <> 0)
            then actual + contracts_high_change
    end as high,
    unit,
    operator as target_operator,
    target,
    plan_id,
    case
        when actual is null then 'no_data'
        when operator is null then 'no_target'
        when operator = 'baseline' then 'baseline'
        when operator = 'measure' then 'measured'
        when operator = 'decrease' and earlier is null then 'baseline'
        when
            (operator = 'decrease' and actual < earlier)
            or (operator = '>=' and actual >= target)
            or (operator = '>' and actual > target)
            or (operator = '<=' and actual <= target)
            or (operator = '<' and actual < target)
            or (operator = 'abs<' and abs(actual) < target)
            then 'met'
        else 'not_met'
    end as status,
    coverage,
    actual - earlier as change,
    change_low,
    change_high,
    change_verdict,
    case
        when operator = 'decrease' and change_low <= 0 and change_high >= 0 then 'within_interval'
        when operator = 'decrease' and change_low is not null then 'clear'
        when target is null or low is null or operator not in ('>=', '>', '<=', '<', 'abs<') then null
        when operator = 'abs<' and (low <= -target and high >= -target) then 'within_interval'
        when low <= target and high >= target then 'within_interval'
        else 'clear'
    end as target_verdict
from chosen
