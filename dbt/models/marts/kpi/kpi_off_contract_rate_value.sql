with

invoice_lines as (
    select * from {{ ref('fct_invoice_line') }}
)

select
    {{ invoice_line_id() }} as record_id,
    booking_date as event_date,
    case when compliance_class = 'wild' then amount_net else 0 end as numerator,
    amount_net as denominator,
    case
        when compliance_class = 'excluded' then 'out_of_scope:excluded'
        when compliance_class = 'unclassified' then 'unknown:unclassified'
        when compliance_class = 'uncovered' then 'not_applicable:uncovered'
    end as exclusion,
    {{ coverage_by_amount() }},
    member_code,
    category_group,
    -- A buyer's habits lie in its suppliers: their purchases vary together.
    coalesce(supplier_id, 'unknown') as cluster_id,
    source_file,
    source_row
from invoice_lines
