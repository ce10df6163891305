{{ config(materialized='table') }}

with

contracts as (
    select * from {{ ref('stg_contracts') }}
),

followups as (
    select * from {{ ref('int_followups') }}
),

settings as (
    select * from {{ source('run', 'settings') }}
),

-- In force from the first day to the earlier of the end and a termination known by now, both included.
validity as (
    select
        contracts.contract_id,
        contracts.contract_class,
        contracts.valid_from,
        least(
            coalesce(contracts.valid_to, date '9999-12-30'),
            case
                when contracts.terminated_date <= settings.as_of then contracts.terminated_date
                else date '9999-12-30'
            end
        ) as valid_until
    from contracts
    cross join settings
    where contracts.valid_from <= settings.as_of
),

classes as (
    select
        contract_id,
        max(contract_class) as contract_class
    from validity
    group by contract_id
),

meetings as (
    select
        contract_id,
        followup_date
    from followups
    where form = 'meeting'
),

-- The state changes only on these days. Two days close each meeting's twelve months, because of leap years.
turning_days as (
    select
        contract_id,
        valid_from as turning_day
    from validity
    union
    select
        contract_id,
        cast(valid_until + interval 1 day as date) as turning_day
    from validity
    union
    select
        contract_id,
        followup_date as turning_day
    from meetings
    union
    select
        contract_id,
        cast(followup_date + interval 12 month as date) as turning_day
    from meetings
    union
    select
        contract_id,
        cast(followup_date + interval 12 month + interval 1 day as date) as turning_day
    from meetings
),

spans as (
    select
        contract_id,
        turning_day as state_from,
        cast(
            lead(turning_day, 1, date '9999-12-31') over (partition by contract_id order by turning_day)
            - interval 1 day as date
        ) as state_until
    from turning_days
),

recent_meetings as (
    select distinct
        spans.contract_id,
        spans.state_from
    from spans
    inner join meetings
        on
            spans.contract_id = meetings.contract_id
            and spans.state_from >= meetings.followup_date
            and spans.state_from - interval 12 month < meetings.followup_date
)

select
    spans.contract_id,
    classes.contract_class,
    spans.state_from,
    spans.state_until,
    recent_meetings.contract_id is not null as has_recent_meeting
from spans
inner join classes on spans.contract_id = classes.contract_id
left join recent_meetings
    on spans.contract_id = recent_meetings.contract_id and spans.state_from = recent_meetings.state_from
cross join settings
where
    spans.state_from <= settings.as_of
    and exists (
        select 1
        from validity
        where
            validity.contract_id = spans.contract_id
            and spans.state_from between validity.valid_from and validity.valid_until
    )
