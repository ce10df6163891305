{{ config(materialized='table') }}

-- Every saving that somebody has registered or that the bids allow, and why none could be computed where that is so.
-- Which method counts is decided here once: the first that applies to the procurement. The macro chance.sql says what
-- comparing the winning bid with the mean of the bids gives where nothing was saved.
with

procurements as (
    select * from {{ ref('int_procurements') }}
),

registered as (
    select * from {{ ref('stg_savings') }}
),

bids as (
    select * from {{ ref('stg_bids') }}
),

ordered_normals as (
    {{ ordered_normals() }}
),

-- A consortium's bid once. Bids are compared with bids on the same lot; one on the whole only with others on the whole.
qualified as (
    select
        procurement_id,
        coalesce(lot_id, '') as lot_id,
        bidder_id,
        max(bid_price) as price,
        max(first_price) as first_price,
        bool_or(coalesce(winner, false)) as is_winner
    from bids
    where status = 'qualified'
    group by procurement_id, coalesce(lot_id, ''), bidder_id
),

-- A winner comes before others at the same price.
ranked as (
    select
        *,
        row_number() over (
            partition by procurement_id, lot_id order by price asc, is_winner desc, bidder_id asc
        ) as price_rank,
        count(*) over (partition by procurement_id, lot_id) as bid_count
    from qualified
    where price is not null
),

winners as (
    select
        procurement_id,
        lot_id,
        count(*) as winner_count,
        max(price) as price,
        max(first_price) as first_price
    from qualified
    where is_winner
    group by procurement_id, lot_id
),

comparable as (
    select
        ranked.*,
        min(ranked.price_rank) filter (where ranked.is_winner)
            over (partition by ranked.procurement_id, ranked.lot_id) as winner_rank,
        winners.price as winning_price
    from ranked
    inner join winners on ranked.procurement_id = winners.procurement_id and ranked.lot_id = winners.lot_id
    where ranked.bid_count >= 3 and winners.winner_count = 1 and winners.price is not null
),

-- Among the others in order of price, the k-th of n - 1 weighs 2k - n: what their spread is told by.
weighted as (
    select
        *,
        2 * (price_rank - cast(price_rank > winner_rank as integer)) - bid_count as weight
    from comparable
),

-- The sums that every figure of the method is made of; logarithms as exact decimals, so that no order matters.
lot_sums as (
    select
        procurement_id,
        lot_id,
        any_value(bid_count) as bid_count,
        any_value(winner_rank) as winner_rank,
        any_value(winning_price) as winning_price,
        cast(sum(price) as double) as total,
        max(price) filter (where not is_winner) as dearest_other,
        min(price) filter (where not is_winner) as cheapest_other,
        min(price) > 0 as has_prices,
        cast(sum({{ exact('ln(greatest(price, 0.01))') }}) as double) / any_value(bid_count) as mean_log,
        cast(sum({{ exact('weight * ln(greatest(price, 0.01))') }}) filter (where not is_winner) as double)
            as log_spread
    from weighted
    group by procurement_id, lot_id
),

-- What the winning bid would be by chance, and the standard error of that, in per cent of it.
chances as (
    select
        lot_sums.*,
        ordered_normals.variance,
        lot_sums.log_spread / ordered_normals.spread as spread_share,
        case
            when lot_sums.has_prices
                then
                    exp(
                        lot_sums.mean_log
                        + ordered_normals.expected * lot_sums.log_spread / ordered_normals.spread
                    )
        end as chance_price
    from lot_sums
    left join ordered_normals
        on
            lot_sums.bid_count = ordered_normals.bid_count
            and lot_sums.winner_rank = ordered_normals.winner_rank
),

market_prices as (
    select
        *,
        total / bid_count as mean_price,
        total / bid_count - winning_price as saving_amount,
        (total - dearest_other) / (bid_count - 1) - winning_price as low_amount,
        (total - cheapest_other) / (bid_count - 1) - winning_price as high_amount,
        (total - winning_price) / (bid_count - 1) - winning_price as without_winner_amount,
        cheapest_other - winning_price as next_bid_amount,
        chance_price - winning_price as remainder_amount,
        chance_price * spread_share * sqrt(variance) as remainder_error_amount
    from chances
),

lots_with_bids as (
    select
        bids.procurement_id,
        coalesce(bids.lot_id, '') as lot_id,
        min_by(bids.source_file, (bids.source_file, bids.source_row)) as source_file,
        min_by(bids.source_row, (bids.source_file, bids.source_row)) as source_row
    from bids
    group by bids.procurement_id, coalesce(bids.lot_id, '')
),

by_market_price as (
    select
        lots_with_bids.procurement_id,
        lots_with_bids.lot_id,
        'market_price' as method,
        market_prices.mean_price as before_amount,
        market_prices.winning_price as after_amount,
        market_prices.saving_amount,
        market_prices.low_amount,
        market_prices.high_amount,
        case
            when market_prices.procurement_id is not null then null
            when coalesce(ranked_counts.bid_count, 0) < 3 then 'fewer_than_three_bids'
            when coalesce(winners.winner_count, 0) <> 1 then 'no_single_winner'
            else 'no_winning_price'
        end as reason,
        case
            when market_prices.procurement_id is not null
                then
                    'Medelpriset av ' || market_prices.bid_count
                    || ' kvalificerade anbud minus det vinnande. Vad som betalades förut är inte känt.'
        end as assumptions,
        ranked_counts.bid_count,
        market_prices.winner_rank,
        market_prices.spread_share,
        market_prices.saving_amount - market_prices.remainder_amount as artefact_amount,
        market_prices.remainder_amount,
        market_prices.remainder_error_amount,
        market_prices.without_winner_amount,
        market_prices.next_bid_amount,
        lots_with_bids.source_file,
        lots_with_bids.source_row
    from lots_with_bids
    left join market_prices
        on
            lots_with_bids.procurement_id = market_prices.procurement_id
            and lots_with_bids.lot_id = market_prices.lot_id
    left join winners
        on lots_with_bids.procurement_id = winners.procurement_id and lots_with_bids.lot_id = winners.lot_id
    left join (
        select distinct
            procurement_id,
            lot_id,
            bid_count
        from ranked
    ) as ranked_counts
        on
            lots_with_bids.procurement_id = ranked_counts.procurement_id
            and lots_with_bids.lot_id = ranked_counts.lot_id
),

-- A price before negotiation in the winner's bid is a negotiation too, where none is registered for the procurement.
-- Where the law allows none, a first price like the last is a column that the system fills in, and no negotiation.
by_negotiated_bid as (
    select
        winners.procurement_id,
        winners.lot_id,
        'negotiation' as method,
        winners.first_price as before_amount,
        winners.price as after_amount,
        winners.first_price - winners.price as saving_amount,
        'Vinnarens första pris minus det slutliga. Ett högt första bud ger större besparing.' as assumptions,
        lots_with_bids.source_file,
        lots_with_bids.source_row
    from winners
    inner join lots_with_bids
        on winners.procurement_id = lots_with_bids.procurement_id and winners.lot_id = lots_with_bids.lot_id
    where
        winners.winner_count = 1
        and winners.first_price is not null
        and winners.price is not null
        and (
            winners.first_price <> winners.price
            or winners.procurement_id not in (
                select procurements.procurement_id from procurements
                where procurements.procedure in ('open', 'selective')
            )
        )
        and not exists (
            select 1 from registered
            where registered.procurement_id = winners.procurement_id and registered.method = 'negotiation'
        )
),

by_register as (
    select
        procurement_id,
        coalesce(lot_id, '') as lot_id,
        method,
        before_amount,
        after_amount,
        before_amount - after_amount as saving_amount,
        abs(before_amount - after_amount) * uncertainty_share as margin,
        -- A saving of the whole procurement covers its lots.
        case
            when
                coalesce(lot_id, '') <> ''
                and bool_or(coalesce(lot_id, '') = '') over (partition by procurement_id, method)
                then 'whole_procurement_counts'
        end as reason,
        assumptions,
        source_file,
        source_row
    from registered
),

candidates as (
    select
        * exclude (margin),
        saving_amount - margin as low_amount,
        saving_amount + margin as high_amount
    from by_register
    union all by name
    select * from by_negotiated_bid
    union all by name
    select * from by_market_price
    union all by name
    select
        procurement_id,
        '' as lot_id,
        'none' as method,
        'no_bids_or_calculation' as reason,
        source_file,
        source_row
    from procurements
    where
        completed_date is not null
        and procurement_id not in (
            select registered.procurement_id from registered
            union
            select bids.procurement_id from bids
        )
),

placed as (
    select
        *,
        list_position(['basket', 'negotiation', 'market_price'], method) as method_order
    from candidates
),

ordered as (
    select
        *,
        min(method_order) filter (where saving_amount is not null)
            over (partition by procurement_id) as first_order
    from placed
)

select
    procurement_id,
    lot_id,
    method,
    (['A', 'B', 'C'])[method_order] as evidence_grade,
    saving_amount is not null as is_computed,
    coalesce(saving_amount is not null and reason is null and method_order = first_order, false)
        as is_counted,
    coalesce(
        reason,
        case when method_order > first_order then (['basket_counts', 'negotiation_counts'])[first_order] end
    ) as reason,
    assumptions,
    -- Exact, so that a figure is what its parts give; what is published is rounded to öre.
    {% for amount in [
        'before', 'after', 'saving', 'low', 'high', 'artefact', 'remainder', 'remainder_error', 'without_winner',
        'next_bid'
    ] %}
    cast({{ amount }}_amount as decimal(38, 10)) as {{ amount }}_amount,
    {% endfor %}
    cast(bid_count as bigint) as bid_count,
    cast(winner_rank as bigint) as winner_rank,
    spread_share,
    source_file,
    source_row
from ordered
