-- The bootstrap of the medians, which needs no drawing: a resampled median stands at one of the records' ranks, and how
-- often at each is known. The ends are therefore the values at ranks around the middle. The records of a cluster
-- (the lots of a procurement) are taken as alike, so that the ranks reach as far as that many even clusters would.
-- One row per figure of the method `median`.
with
records as (
    select
        records.kpi_id,
        periods.period_type,
        periods.period,
        records.member_code,
        records.category_group,
        records.cluster_id,
        cast(records.numerator as double) as value
    from {{ ref('int_kpi_records') }} as records
    inner join {{ ref('int_kpi_methods') }} as methods on records.kpi_id = methods.kpi_id
    inner join {{ ref('dim_period') }} as periods
        on records.event_date between periods.period_start and periods.period_end
    where methods.method = 'median' and records.is_counted
),

clusters as (
    select
        kpi_id,
        period_type,
        period,
        member_code,
        category_group,
        count(*) as records,
        list(value) as record_values
    from records
    group by kpi_id, period_type, period, member_code, category_group, cluster_id
),

figures as (
    select
        kpi_id,
        period_type,
        period,
        member_code,
        category_group,
        cast(sum(records) as bigint) as records,
        pow(sum(records), 2) / sum(pow(records, 2)) as even_clusters,
        list_sort(flatten(list(record_values))) as record_values
    from clusters
    group by all
),

ranked as (
    select
        *,
        -- The lower end's rank, between two records' ranks; the upper end's is as far from the other side.
        greatest(records * {{ wilson('0.5', 'even_clusters', '-') }} + 0.5, 1.0) as low_rank
    from figures
)

select
    kpi_id,
    period_type,
    period,
    member_code,
    category_group,
    even_clusters,
    {{ between_ranks('record_values', 'low_rank') }} as low,
    {{ between_ranks('record_values', '(records + 1 - low_rank)') }} as high
from ranked
