with

contracts as (
    select * from {{ ref('stg_contracts') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
)

select
    contracts.contract_id,
    contracts.terminated_date,
    -- A contract without an agreed end cannot be ended before it.
    bool_or(coalesce(contracts.terminated_date < contracts.valid_to, false)) as is_before_end
from contracts
cross join settings
where contracts.terminated_date <= settings.as_of
group by contracts.contract_id, contracts.terminated_date
