with

invoice_lines as (
    select * from {{ ref('fct_invoice_line') }}
)

select
    contract_id as record_id,
    booking_date as event_date,
    1 as numerator,
    cast(null as integer) as denominator,
    cast(null as varchar) as exclusion,
    {{ coverage_by_amount() }},
    member_code,
    category_group,
    source_file,
    source_row
from invoice_lines
where compliance_class = 'over_ceiling'
