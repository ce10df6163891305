with

invoices as (
    select * from {{ ref('fct_invoice') }}
)

select
    buyer_unit_id || '|' || fiscal_year || '|' || invoice_id as record_id,
    booking_date as event_date,
    case when largest_class = 'wild' then 1 else 0 end as numerator,
    1 as denominator,
    case
        when largest_class = 'excluded' then 'out_of_scope:excluded'
        when is_credit_note then 'not_applicable:credit_note'
        when largest_class = 'unclassified' then 'unknown:unclassified'
        when largest_class = 'uncovered' then 'not_applicable:uncovered'
    end as exclusion,
    {{ coverage_by_record() }},
    member_code,
    category_group,
    -- A buyer's habits lie in its suppliers: their purchases vary together.
    coalesce(supplier_id, 'unknown') as cluster_id,
    source_file,
    source_row
from invoices
