with

invoice_lines as (
    select * from {{ ref('fct_invoice_line') }}
)

select
    coalesce(supplier_id, supplier_name, 'unknown') as record_id,
    booking_date as event_date,
    1 as numerator,
    cast(null as integer) as denominator,
    case
        when compliance_class = 'excluded' then 'out_of_scope:excluded'
        when supplier_id is null then 'unknown:supplier'
        when amount_net <= 0 then 'not_applicable:not_positive'
    end as exclusion,
    {{ coverage_by_amount() }},
    member_code,
    category_group,
    source_file,
    source_row
from invoice_lines
