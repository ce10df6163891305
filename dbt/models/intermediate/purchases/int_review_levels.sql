with

sampled_lines as (
    select * from {{ ref('int_sampled_lines') }}
),

estimates as (
    select * from {{ ref('invoice_sample_estimate') }} where is_published
)

select
    sampled_lines.record_id,
    estimates.member_code as level_code,
    sampled_lines.source_file,
    sampled_lines.source_row
from sampled_lines
inner join estimates
    on
        sampled_lines.sample_id = estimates.sample_id
        and (estimates.member_code = 'ALL' or sampled_lines.owner_code = estimates.member_code)
