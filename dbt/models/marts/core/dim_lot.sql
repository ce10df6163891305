with

lots as (
    select * from {{ ref('int_lots') }}
),

competition as (
    select * from {{ ref('int_lot_competition') }}
)

select
    lots.procurement_id,
    lots.lot_id,
    lots.is_registered,
    lots.title,
    lots.category_code,
    lots.category_group,
    competition.bid_count,
    competition.bid_count_source,
    lots.tenders_received as tenders_received_count,
    lots.sme_tenders as sme_tenders_count,
    lots.awarded as is_awarded,
    lots.contract_value as contract_value_amount,
    lots.source_file,
    lots.source_row
from lots
inner join competition on lots.lot_record_id = competition.lot_record_id
