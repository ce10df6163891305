-- What two sources say of one procurement, field by field: where they differ, and where one filled what the other left
-- empty. One row per record, field and other source.
select
    procurement_id,
    table_name,
    record_id,
    field,
    resolution,
    case when resolution = 'filled' then other_value else kept_value end as kept_value,
    case when resolution = 'filled' then other_source else kept_source end as kept_source,
    case when resolution = 'filled' then other_file else kept_file end as kept_file,
    case when resolution = 'filled' then other_sheet else kept_sheet end as kept_sheet,
    case when resolution = 'filled' then other_row else kept_row end as kept_row,
    case when resolution = 'differs' then other_value end as other_value,
    case when resolution = 'filled' then kept_source else other_source end as other_source,
    case when resolution = 'filled' then kept_file else other_file end as other_file,
    case when resolution = 'filled' then kept_sheet else other_sheet end as other_sheet,
    case when resolution = 'filled' then kept_row else other_row end as other_row
from {{ source('run', 'source_conflicts') }}
order by procurement_id, table_name, record_id, field, other_source, other_file, other_row
