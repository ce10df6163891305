-- The delivered files that the release rests on. One row per file.
select
    source,
    file,
    sha256,
    size_bytes,
    modified_at
from {{ source('run', 'source_files') }}
