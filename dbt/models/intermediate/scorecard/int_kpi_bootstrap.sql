-- The bootstrap of the means: each cluster weighed anew in every replicate, and the ends between which the replicates
-- lie. One row per figure of the method `mean`, which rest on registers of thousands of records, never on the ledger.
{{ config(materialized='table') }}
with
clusters as (
    select
        clusters.*,
        -- A number for the figure, and whole numbers to add (ten-thousandths): there are millions of sums.
        dense_rank() over (
            order by
                clusters.kpi_id,
                clusters.period_type,
                clusters.period,
                clusters.member_code,
                clusters.category_group
        ) as figure_no,
        cast(clusters.numerator * 10000 as bigint) as numerator_units,
        cast(clusters.denominator * 10000 as bigint) as denominator_units
    from {{ ref('int_kpi_clusters') }} as clusters
    inner join {{ ref('int_kpi_methods') }} as methods on clusters.kpi_id = methods.kpi_id
    where methods.method = 'mean'
),

figures as (
    select distinct
        figure_no,
        kpi_id,
        period_type,
        period,
        member_code,
        category_group
    from clusters
),

draws as (
    select
        drawn.cluster_id,
        numbers.replicate,
        {{ bootstrap_weight('drawn.cluster_id', 'numbers.replicate') }} as weight
    from (select distinct cluster_id from clusters) as drawn
    cross join
        (select unnest(range({{ var('bootstrap_replicates', 200) }})) as replicate) as numbers
),

replicates as (
    select
        clusters.figure_no,
        draws.replicate,
        cast(sum(clusters.numerator_units * draws.weight) as double)
        / cast(sum(clusters.denominator_units * draws.weight) as double) as actual
    from clusters
    inner join draws on clusters.cluster_id = draws.cluster_id
    where draws.weight > 0
    group by clusters.figure_no, draws.replicate
),

ends as (
    select
        figure_no,
        quantile_cont(actual, {{ interval_tail() }}) as low,
        quantile_cont(actual, {{ 1 - interval_tail() | float }}) as high
    from replicates
    group by figure_no
)

select
    figures.kpi_id,
    figures.period_type,
    figures.period,
    figures.member_code,
    figures.category_group,
    ends.low,
    ends.high
from ends
inner join figures on ends.figure_no = figures.figure_no
