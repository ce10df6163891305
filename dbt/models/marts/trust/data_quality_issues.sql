-- Everything found at arrival, with file, row and what would be right. One row per finding.
select
    severity,
    source,
    file,
    sheet,
    row_number,
    column_name,
    rule,
    raw_value,
    message_sv,
    message_en,
    is_open
from {{ source('run', 'quality_issues') }}
