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
    -- A contract without an end cannot be terminated after it.
    bool_or(contracts.valid_to is null or contracts.terminated_date < contracts.valid_to) as is_before_end
from contracts
cross join settings
where contracts.terminated_date <= settings.as_of
group by contracts.contract_id, contracts.terminated_date
