-- What the controller writes beside a figure. One row per indicator, period and member.
select
    kpi_id,
    period,
    coalesce(member_code, 'ALL') as member_code,
    text,
    source_file,
    source_row
from {{ ref('stg_comments') }}
