with

purchases as (
    select * from {{ ref('fct_contract_purchase') }}
)

select
    contract_id as record_id,
    booking_date as event_date,
    cast(case when exclusion is null then saving_share * amount end as decimal(38, 10)) as numerator,
    cast(null as integer) as denominator,
    exclusion,
    case when exclusion is null then absolute_amount else 0 end as known_weight,
    case when exclusion like 'unknown:%' then absolute_amount else 0 end as unknown_weight,
    member_code,
    category_group,
    -- One saving is spread over all of a procurement's contracts.
    coalesce(procurement_id, contract_id) as cluster_id,
    source_file,
    source_row
from purchases
