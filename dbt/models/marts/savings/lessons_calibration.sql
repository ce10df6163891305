-- The expressions are laid out for reading, not for the SQL that they unroll to.
-- noqa: disable=LT05
with

predictions as (
    select * from {{ ref('lessons_learned') }}
    where counts_as = 'prediction' and completed_date is not null
),

-- The share of reviews of all predicted procurements: who says that each time errs by `review_base_error`.
base as (
    select avg(cast(is_reviewed as integer)) as rate
    from predictions
    where expected_review_probability is not null
),

places as (
    select
        predictions.*,
        unnest(['ALL', cast(year(predictions.completed_date) as varchar)]) as year
    from predictions
)

select
    places.year,
    count(*) as predictions,
    count(places.bids_error) as bids_predictions,
    {% for side in ['expected', 'actual'] %}
    round(
        cast(sum({{ exact('case when places.bids_error is not null then places.' ~ side ~ '_bids end') }}) as double)
        / nullif(count(places.bids_error), 0), 6
    ) as {{ side }}_bids,
    {% endfor %}
    round(cast(sum({{ exact('abs(places.bids_error)') }}) as double) / nullif(count(places.bids_error), 0), 6)
        as bids_absolute_error,
    count(places.price_error_share) as price_predictions,
    round(
        cast(sum({{ exact('places.price_error_share') }}) as double) / nullif(count(places.price_error_share), 0), 6
    ) as price_error_share,
    round(
        cast(sum({{ exact('abs(places.price_error_share)') }}) as double)
        / nullif(count(places.price_error_share), 0), 6
    ) as price_absolute_error_share,
    count(places.review_error) as review_predictions,
    round(
        cast(sum(
            {{ exact('case when places.review_error is not null then places.expected_review_probability end') }}
        ) as double) / nullif(count(places.review_error), 0), 6
    ) as expected_review_share,
    round(
        cast(sum(case when places.review_error is not null then cast(places.is_reviewed as integer) end) as double)
        / nullif(count(places.review_error), 0), 6
    ) as actual_review_share,
    round(cast(sum({{ exact('places.review_error') }}) as double) / nullif(count(places.review_error), 0), 6)
        as review_error,
    round(
        cast(sum(
            {{ exact('case when places.review_error is not null then pow(cast(places.is_reviewed as integer) - base.rate, 2) end') }}
        ) as double) / nullif(count(places.review_error), 0), 6
    ) as review_base_error
from places
cross join base
group by places.year
order by places.year
