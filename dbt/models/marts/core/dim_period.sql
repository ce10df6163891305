-- Every period of the calendar years that hold evidence, as far as it has begun. One row per period.
with
settings as (select as_of from {{ source('run', 'settings') }}),

years as (
    select unnest(generate_series(year(first_date), year(last_date))) as calendar_year
    from {{ ref('int_event_dates') }}
    where first_date is not null
),

quarters as (
    select
        years.calendar_year,
        numbers.n as quarter_number,
        make_date(years.calendar_year, numbers.n * 3 - 2, 1) as quarter_start,
        last_day(make_date(years.calendar_year, numbers.n * 3, 1)) as quarter_end
    from years
    cross join (select unnest([1, 2, 3, 4]) as n) as numbers
),

periods as (
    select
        'quarter' as period_type,
        calendar_year || '-Q' || quarter_number as period,
        quarter_start as period_start,
        quarter_end as period_end,
        quarter_start as begins,
        cast(3 as bigint) as month_count
    from quarters
    union all
    select
        'ytd' as period_type,
        calendar_year || '-Q' || quarter_number || '-ytd' as period,
        make_date(calendar_year, 1, 1) as period_start,
        quarter_end as period_end,
        quarter_start as begins,
        cast(quarter_number * 3 as bigint) as month_count
    from quarters
    union all
    select
        'r12' as period_type,
        calendar_year || '-Q' || quarter_number || '-r12' as period,
        cast(quarter_end + interval 1 day - interval 12 month as date) as period_start,
        quarter_end as period_end,
        quarter_start as begins,
        cast(12 as bigint) as month_count
    from quarters
    where quarter_end > make_date((select min(years.calendar_year) from years), 12, 1)
    union all
    select
        'tertial' as period_type,
        years.calendar_year || '-T' || numbers.n as period,
        make_date(years.calendar_year, numbers.n * 4 - 3, 1) as period_start,
        last_day(make_date(years.calendar_year, numbers.n * 4, 1)) as period_end,
        make_date(years.calendar_year, numbers.n * 4 - 3, 1) as begins,
        cast(4 as bigint) as month_count
    from years
    cross join (select unnest([1, 2, 3]) as n) as numbers
    union all
    select
        'half' as period_type,
        years.calendar_year || '-H' || numbers.n as period,
        make_date(years.calendar_year, numbers.n * 6 - 5, 1) as period_start,
        last_day(make_date(years.calendar_year, numbers.n * 6, 1)) as period_end,
        make_date(years.calendar_year, numbers.n * 6 - 5, 1) as begins,
        cast(6 as bigint) as month_count
    from years
    cross join (select unnest([1, 2]) as n) as numbers
    union all
    select
        'year' as period_type,
        cast(calendar_year as varchar) as period,
        make_date(calendar_year, 1, 1) as period_start,
        make_date(calendar_year, 12, 31) as period_end,
        make_date(calendar_year, 1, 1) as begins,
        cast(12 as bigint) as month_count
    from years
)

select
    periods.period_type,
    periods.period,
    periods.period_start,
    periods.period_end,
    periods.month_count,
    periods.period_end <= settings.as_of as is_ended,
    least(periods.period_end, settings.as_of) as counted_until
from periods
cross join settings
where periods.begins <= settings.as_of
