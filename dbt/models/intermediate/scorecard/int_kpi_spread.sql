-- How a figure's clusters spread around it, and together with those of the same period a year before. One row per
-- figure that rests on clusters. Squares are summed as exact decimals, so that their order does not matter.
--   clusters: their number; even_clusters: how many of equal size they are worth.
--   error_squares: the sum of squares of what each cluster moves the figure by (the linearised ratio; for counts, what
--     it adds); answer_squares: the same of each answer of a survey.
--   correlation: that of this figure's error with that of the year before; not 0 only where clusters recur.
{{ config(materialized='table') }}
with
measures as (
    select
        measures.*,
        methods.method,
        cast(measures.denominator as double) as total,
        row_number() over (
            order by
                measures.kpi_id,
                measures.period_type,
                measures.period,
                measures.member_code,
                measures.category_group
        ) as figure_no
    from {{ ref('int_kpi_measures') }} as measures
    inner join {{ ref('int_kpi_methods') }} as methods on measures.kpi_id = methods.kpi_id
    where
        measures.actual is not null
        and (methods.method in ('count', 'amount') or measures.denominator <> 0)
),

figures as (
    select
        now.*,
        before.figure_no as before_no
    from measures as now
    left join measures as before
        on
            now.kpi_id = before.kpi_id
            and now.period_type = before.period_type
            and {{ period_a_year_before('now.period') }} = before.period
            and now.member_code = before.member_code
            and now.category_group = before.category_group
),

errors as (
    select
        figures.figure_no,
        figures.before_no,
        clusters.cluster_id,
        case
            when figures.method in ('count', 'amount') then cast(clusters.numerator as double)
            else
                (cast(clusters.numerator as double) - figures.actual * cast(clusters.denominator as double))
                / figures.total
        end as error,
        cast(clusters.denominator as double) / figures.total as size,
        (
            cast(clusters.numerator_squares as double)
            - 2 * figures.actual * cast(clusters.numerator as double)
            + pow(figures.actual, 2) * cast(clusters.denominator as double)
        ) / pow(figures.total, 2) as answer_square
    from {{ ref('int_kpi_clusters') }} as clusters
    inner join figures
        on
            clusters.kpi_id = figures.kpi_id
            and clusters.period_type = figures.period_type
            and clusters.period = figures.period
            and clusters.member_code = figures.member_code
            and clusters.category_group = figures.category_group
),

spreads as (
    select
        figure_no,
        count(*) as clusters,
        cast(sum({{ exact('pow(error, 2)') }}) as double) as error_squares,
        cast(sum({{ exact('pow(size, 2)') }}) as double) as size_squares,
        cast(sum({{ exact('answer_square') }}) as double) as answer_squares
    from errors
    group by figure_no
),

shared as (
    select
        now.figure_no,
        cast(sum({{ exact('now.error * before.error') }}) as double) as error_products
    from errors as now
    inner join errors as before on now.before_no = before.figure_no and now.cluster_id = before.cluster_id
    group by now.figure_no
)

select
    figures.kpi_id,
    figures.period_type,
    figures.period,
    figures.member_code,
    figures.category_group,
    spreads.clusters,
    -- Rounded, so that five of one size are five.
    case
        when figures.method in ('count', 'amount') then spreads.clusters
        else round(1 / spreads.size_squares, 6)
    end as even_clusters,
    spreads.error_squares,
    spreads.answer_squares,
    case
        when spreads.error_squares > 0 and before.error_squares > 0
            then coalesce(shared.error_products, 0) / sqrt(spreads.error_squares * before.error_squares)
        else 0
    end as correlation
from figures
inner join spreads on figures.figure_no = spreads.figure_no
left join shared on figures.figure_no = shared.figure_no
left join spreads as before on figures.before_no = before.figure_no
