-- Medians at the end of the year: the records of this year so far, and as many more as are expected, drawn from those
-- of this and the earlier years. One row per indicator, member, point and value: how likely the median is at most that.
{{ config(materialized='table') }}
with
quantities as (
    select
        quantities.*,
        points.earlier_years
    from {{ ref('int_forecast_quantities') }} as quantities
    inner join {{ ref('int_forecast_points') }} as points
        on
            quantities.kpi_id = points.kpi_id
            and quantities.target_year = points.target_year
            and quantities.point = points.point
    inner join {{ ref('kpi_catalogue') }} as catalogue
        on quantities.kpi_id = catalogue.kpi_id and catalogue.aggregation = 'median'
    where quantities.so_far_count > 0
),

records as (
    select
        kpi_id,
        member_code,
        event_date,
        cast(year(event_date) as bigint) as calendar_year,
        cast(numerator as double) as record_value
    from {{ ref('int_kpi_records') }}
    where
        category_group = 'ALL' and is_counted
        and kpi_id in (select quantities.kpi_id from quantities)
),

counted as (
    select
        quantities.kpi_id,
        quantities.member_code,
        quantities.target_year,
        quantities.point,
        records.record_value,
        count(*) filter (where records.calendar_year = quantities.target_year) as so_far,
        count(*) as pooled
    from quantities
    inner join records
        on
            quantities.kpi_id = records.kpi_id
            and quantities.member_code = records.member_code
            and quantities.point >= records.event_date
            and (
                quantities.target_year = records.calendar_year
                or list_contains(quantities.earlier_years, records.calendar_year)
            )
    group by
        quantities.kpi_id,
        quantities.member_code,
        quantities.target_year,
        quantities.point,
        records.record_value
),

cumulated as (
    select
        counted.kpi_id,
        counted.member_code,
        counted.target_year,
        counted.point,
        counted.record_value,
        quantities.so_far_count,
        quantities.rest_mean,
        sum(counted.pooled) over whole as pooled_count,
        sum(counted.so_far) over up_to as so_far_up_to,
        sum(counted.pooled) over up_to as pooled_up_to
    from counted
    inner join quantities
        on
            counted.kpi_id = quantities.kpi_id
            and counted.member_code = quantities.member_code
            and counted.target_year = quantities.target_year
            and counted.point = quantities.point
    window
        whole as (partition by counted.kpi_id, counted.member_code, counted.target_year, counted.point),
        up_to as (
            partition by counted.kpi_id, counted.member_code, counted.target_year, counted.point
            order by counted.record_value
        )
),

-- Of those to come, how many are at most the value, and how many must be for the median to be.
drawn as (
    select
        *,
        pooled_up_to / cast(pooled_count as double) as share_up_to,
        (so_far_count + rest_mean) / 2 - so_far_up_to as needed
    from cumulated
)

select
    kpi_id,
    member_code,
    target_year,
    point,
    record_value,
    case
        when share_up_to >= 1 then 1.0
        when rest_mean <= 0 then cast(needed <= 0 as integer)
        else {{ normal_cdf(
            '((rest_mean * share_up_to - needed)'
            ~ ' / sqrt(rest_mean * share_up_to * (1 - share_up_to) * (1 + rest_mean / pooled_count)))'
        ) }}
    end as probability_at_most
from drawn
