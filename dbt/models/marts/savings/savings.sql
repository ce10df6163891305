-- The expressions are laid out for reading, not for the SQL that they unroll to.
-- noqa: disable=LT05
with

savings as (
    select * from {{ ref('int_savings') }}
),

procurements as (
    select * from {{ ref('int_procurements') }}
),

participation as (
    select * from {{ ref('int_procurement_participation') }}
)

select
    savings.procurement_id,
    savings.lot_id,
    savings.method,
    savings.evidence_grade,
    savings.is_computed,
    savings.is_counted,
    savings.reason,
    savings.assumptions,
    {% for amount in ['before', 'after', 'saving', 'low', 'high'] %}
    cast(savings.{{ amount }}_amount as decimal(18, 2)) as {{ amount }}_amount,
    {% endfor %}
    savings.bid_count,
    savings.winner_rank,
    round(savings.spread_share, 6) as spread_share,
    {% for amount in ['artefact', 'remainder'] %}
    cast(savings.{{ amount }}_amount as decimal(18, 2)) as {{ amount }}_amount,
    {% endfor %}
    {% for end, sign in [('low', '-'), ('high', '+')] %}
    cast(
        savings.remainder_amount
        {{ sign }} savings.remainder_error_amount * {{ remainder_quantile('1', '(1.0 / (savings.bid_count - 2))') }}
        as decimal(18, 2)
    ) as remainder_{{ end }}_amount,
    {% endfor %}
    {% for amount in ['without_winner', 'next_bid'] %}
    cast(savings.{{ amount }}_amount as decimal(18, 2)) as {{ amount }}_amount,
    {% endfor %}
    procurements.completed_date,
    procurements.is_in_scope,
    participation.is_coordinated,
    procurements.category_group,
    savings.source_file,
    savings.source_row
from savings
inner join procurements on savings.procurement_id = procurements.procurement_id
inner join participation on savings.procurement_id = participation.procurement_id
order by savings.procurement_id, savings.lot_id, savings.method
