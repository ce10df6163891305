-- Not computed yet: no record counts, so that every period is no_data.
with

reviews as (
    select * from {{ ref('stg_invoice_reviews') }}
)

select
    sample_id || '|' || buyer_unit_id || '|' || invoice_id as record_id,
    cast(null as date) as event_date,
    cast(null as decimal(38, 10)) as numerator,
    cast(null as decimal(38, 10)) as denominator,
    cast(null as varchar) as exclusion,
    0 as known_weight,
    0 as unknown_weight
from reviews
where false
