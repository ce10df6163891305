with

climate_ranks as (
    select * from {{ ref('int_climate_ranks') }}
),

judged as (
    select
        rank_record_id as record_id,
        year_start as event_date,
        rank as value,
        case when member_code is null then 'not_applicable:not_a_member' end as exclusion
    from climate_ranks
)

select
    record_id,
    event_date,
    case when exclusion is null then value end as numerator,
    case when exclusion is null then 1 end as denominator,
    exclusion,
    {{ coverage_by_record() }}
from judged
