with

followups as (
    select * from {{ ref('int_followups') }}
)

select
    contract_id,
    followup_date,
    form,
    contract_class,
    has_required_form,
    quality_score,
    deviation_found as has_deviation,
    category_group,
    source_file,
    source_row
from followups
