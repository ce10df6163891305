with

followups as (
    select * from {{ ref('stg_contract_followups') }}
),

contracts as (
    select * from {{ ref('int_contract_records') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
)

select
    followups.contract_id || '|' || followups.followup_date || '|' || followups.form as followup_record_id,
    followups.contract_id,
    followups.followup_date,
    followups.form,
    followups.quality_score,
    followups.deviation_found,
    contracts.contract_class,
    -- Classes A and B are followed up by a meeting; C and D by any contact. Without a class nobody can say.
    case
        when contracts.contract_class in ('A', 'B') then followups.form = 'meeting'
        when contracts.contract_class in ('C', 'D') then followups.form in ('meeting', 'phone', 'email')
    end as has_required_form,
    contracts.category_group,
    followups.source_file,
    followups.source_row
from followups
cross join settings
left join contracts on followups.contract_id = contracts.contract_id
where followups.followup_date <= settings.as_of
