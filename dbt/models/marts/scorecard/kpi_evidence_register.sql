-- The evidence of the indicators over registers. One row per indicator, record and member (ALL included).
select
    kpi_id,
    record_kind,
    record_id,
    member_code,
    category_group,
    event_date,
    numerator,
    denominator,
    exclusion,
    source_file,
    source_row,
    counts_from,
    counts_until
from {{ ref('int_evidence') }}
