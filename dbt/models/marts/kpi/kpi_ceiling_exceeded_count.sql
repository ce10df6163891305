with

invoice_lines as (
    select * from {{ ref('fct_invoice_line') }}
)

select
    case
        when compliance_class = 'over_ceiling' then contract_id
        else {{ invoice_line_id() }}
    end as record_id,
    booking_date as event_date,
    1 as numerator,
    cast(null as integer) as denominator,
    case
        when compliance_class = 'excluded' then 'out_of_scope:excluded'
        when compliance_class = 'unclassified' then 'unknown:unclassified'
        when compliance_class <> 'over_ceiling' then 'not_met:within_ceiling'
    end as exclusion,
    {{ coverage_by_amount() }},
    member_code,
    category_group,
    source_file,
    source_row
from invoice_lines
