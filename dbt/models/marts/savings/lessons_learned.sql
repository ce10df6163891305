with

settings as (
    select * from {{ source('run', 'settings') }}
),

lessons as (
    select lessons.*
    from {{ ref('stg_lessons') }} as lessons
    cross join settings
    where lessons.recorded_date <= settings.as_of
),

procurements as (
    select * from {{ ref('dim_procurement') }}
),

bids as (
    select * from {{ ref('stg_bids') }}
),

-- A consortium's price once, a winner on several lots once for each.
prices as (
    select
        procurement_id,
        case when count(price) = count(*) then sum(price) end as price
    from (
        select
            procurement_id,
            max(bid_price) as price
        from bids
        where winner and status in ('submitted', 'qualified')
        group by procurement_id, coalesce(lot_id, ''), bidder_id
    ) as winning
    group by procurement_id
),

joined as (
    select
        lessons.*,
        procurements.announced_date,
        procurements.completed_date,
        procurements.category_group,
        -- Before the announcement it could not be known; afterwards it is a comment. Where no announcement is known,
        -- the first day that comes after one stands for it.
        lessons.kind = 'expectation'
        and coalesce(
            lessons.recorded_date < coalesce(
                procurements.announced_date,
                least(
                    procurements.tender_deadline_date,
                    procurements.award_date,
                    procurements.cancelled_date,
                    procurements.completed_date
                )
            ),
            procurements.procurement_id is not null
        ) as is_prediction,
        procurements.bid_count,
        prices.price,
        case
            when procurements.completed_date is not null then procurements.review_applied_date is not null
        end as is_reviewed
    from lessons
    left join procurements on lessons.procurement_id = procurements.procurement_id
    left join prices on lessons.procurement_id = prices.procurement_id
)

select
    procurement_id,
    recorded_date,
    kind,
    case when is_prediction then 'prediction' else 'comment' end as counts_as,
    text,
    category_group,
    announced_date,
    completed_date,
    cast(expected_bids as double) as expected_bids,
    case when completed_date is not null then bid_count end as actual_bids,
    cast(expected_price as decimal(18, 2)) as expected_price_amount,
    case when completed_date is not null then cast(price as decimal(18, 2)) end as actual_price_amount,
    cast(expected_review as double) as expected_review_probability,
    is_reviewed,
    case when completed_date is not null then bid_count - cast(expected_bids as double) end as bids_error,
    case
        when completed_date is not null then round(cast(price as double) / nullif(expected_price, 0) - 1, 6)
    end as price_error_share,
    round(pow(cast(is_reviewed as integer) - expected_review, 2), 6) as review_error,
    source_file,
    source_row
from joined
order by procurement_id, recorded_date
