-- The fate of every file's rows: read = accepted + quarantined + repeated + skipped. One row per source and file.
select
    source,
    file,
    rows_read,
    rows_accepted,
    rows_quarantined,
    rows_repeated,
    rows_superseded,
    rows_skipped,
    rows_derived,
    warnings
from {{ source('run', 'quality_summary') }}
