{{ config(materialized='table') }}

with

procurements as (
    select * from {{ ref('int_procurements') }}
),

procurement_members as (
    select * from {{ ref('int_procurement_members') }}
),

lots as (
    select * from {{ ref('int_lots') }}
),

bids as (
    select * from {{ ref('int_bids') }}
),

awards as (
    select * from {{ ref('int_awards') }}
),

contracts as (
    select * from {{ ref('int_contract_records') }}
),

contract_members as (
    select * from {{ ref('int_contract_members') }}
),

followups as (
    select * from {{ ref('int_followups') }}
),

answers as (
    select * from {{ ref('int_survey_answers') }}
),

activities as (
    select * from {{ ref('int_activities') }}
),

internships as (
    select * from {{ ref('int_internships') }}
),

trainings as (
    select * from {{ ref('int_trainings') }}
),

staff_months as (
    select * from {{ ref('int_staff_months') }}
),

budget_lines as (
    select * from {{ ref('int_budget_lines') }}
),

deviations as (
    select * from {{ ref('int_deviations') }}
),

climate_ranks as (
    select * from {{ ref('int_climate_ranks') }}
),

review_levels as (
    select * from {{ ref('int_review_levels') }}
),

members as (
    select * from {{ ref('int_members') }}
),

-- Each record names what lends it its members: its own code, else a procurement, else a contract.
own_records as (
    select
        'procurement' as record_kind,
        procurement_id as record_id,
        cast(null as varchar) as own_code,
        procurement_id,
        cast(null as varchar) as contract_id,
        source_file,
        source_row
    from procurements
    union all
    -- A survey may be about a procurement that the register lacks.
    select
        'procurement' as record_kind,
        answers.procurement_id as record_id,
        cast(null as varchar) as own_code,
        answers.procurement_id,
        cast(null as varchar) as contract_id,
        min(answers.source_file) as source_file,
        min_by(answers.source_row, (answers.source_file, answers.source_row)) as source_row
    from answers
    left join procurements on answers.procurement_id = procurements.procurement_id
    where answers.procurement_id is not null and procurements.procurement_id is null
    group by answers.procurement_id
    union all
    select
        'bid' as record_kind,
        bid_record_id as record_id,
        cast(null as varchar) as own_code,
        procurement_id,
        cast(null as varchar) as contract_id,
        source_file,
        source_row
    from bids
    union all
    -- The unknown bids of a procurement: one record without a bidder.
    select
        'bid' as record_kind,
        procurement_id || '|' as record_id,
        cast(null as varchar) as own_code,
        procurement_id,
        cast(null as varchar) as contract_id,
        source_file,
        source_row
    from procurements
    union all
    select
        'award' as record_kind,
        award_record_id as record_id,
        cast(null as varchar) as own_code,
        procurement_id,
        cast(null as varchar) as contract_id,
        source_file,
        source_row
    from awards
    union all
    select
        'contract' as record_kind,
        contract_id as record_id,
        cast(null as varchar) as own_code,
        cast(null as varchar) as procurement_id,
        contract_id,
        source_file,
        source_row
    from contracts
    union all
    select
        'followup' as record_kind,
        followup_record_id as record_id,
        cast(null as varchar) as own_code,
        cast(null as varchar) as procurement_id,
        contract_id,
        source_file,
        source_row
    from followups
    union all
    select
        'answer' as record_kind,
        answer_record_id as record_id,
        member_code as own_code,
        procurement_id,
        cast(null as varchar) as contract_id,
        source_file,
        source_row
    from answers
    union all
    select
        'activity' as record_kind,
        activity_id as record_id,
        member_code as own_code,
        procurement_id,
        cast(null as varchar) as contract_id,
        source_file,
        source_row
    from activities
    union all
    select
        'internship' as record_kind,
        placement_id as record_id,
        member_code as own_code,
        cast(null as varchar) as procurement_id,
        contract_id,
        source_file,
        source_row
    from internships
    union all
    select
        'rank' as record_kind,
        rank_record_id as record_id,
        ranked_code as own_code,
        cast(null as varchar) as procurement_id,
        cast(null as varchar) as contract_id,
        source_file,
        source_row
    from climate_ranks
    union all
    -- A member as a record of its own, told by its first training.
    select
        'member' as record_kind,
        trained_code as record_id,
        trained_code as own_code,
        cast(null as varchar) as procurement_id,
        cast(null as varchar) as contract_id,
        source_file,
        source_row
    from trainings
    qualify row_number() over (partition by trained_code order by training_date, training_id) = 1
    union all
    select
        'staff_month' as record_kind,
        month as record_id,
        cast(null as varchar) as own_code,
        cast(null as varchar) as procurement_id,
        cast(null as varchar) as contract_id,
        source_file,
        source_row
    from staff_months
    union all
    select
        'budget_line' as record_kind,
        budget_record_id as record_id,
        cast(null as varchar) as own_code,
        cast(null as varchar) as procurement_id,
        cast(null as varchar) as contract_id,
        source_file,
        source_row
    from budget_lines
    union all
    select
        'deviation' as record_kind,
        deviation_id as record_id,
        cast(null as varchar) as own_code,
        cast(null as varchar) as procurement_id,
        cast(null as varchar) as contract_id,
        source_file,
        source_row
    from deviations
),

grouped as (
    select
        own_records.record_kind,
        own_records.record_id,
        own_records.own_code,
        own_records.procurement_id,
        own_records.contract_id,
        coalesce(procurements.category_group, contracts.category_group) as category_group,
        own_records.source_file,
        own_records.source_row
    from own_records
    left join procurements on own_records.procurement_id = procurements.procurement_id
    left join contracts on own_records.contract_id = contracts.contract_id
    union all
    -- A lot may be in another category than its procurement.
    select
        'lot' as record_kind,
        lot_record_id as record_id,
        cast(null as varchar) as own_code,
        procurement_id,
        cast(null as varchar) as contract_id,
        category_group,
        source_file,
        source_row
    from lots
),

owned as (
    select
        grouped.record_kind,
        grouped.record_id,
        members.member_code
    from grouped
    inner join members on grouped.own_code = members.member_code
    union
    select
        grouped.record_kind,
        grouped.record_id,
        procurement_members.member_code
    from grouped
    inner join procurement_members on grouped.procurement_id = procurement_members.procurement_id
    where grouped.own_code is null
    union
    select
        grouped.record_kind,
        grouped.record_id,
        contract_members.member_code
    from grouped
    inner join contract_members on grouped.contract_id = contract_members.contract_id
    where grouped.own_code is null
    union
    select
        record_kind,
        record_id,
        'ALL' as member_code
    from grouped
)

select
    grouped.record_kind,
    grouped.record_id,
    owned.member_code,
    grouped.category_group,
    -- What happens or is asked together, and so cannot be told apart by chance: a procurement's bids, lots, awards and
    -- answers; a respondent's answers (the record id is survey, respondent and question); a member's ranks.
    case
        when grouped.record_kind = 'rank' then grouped.own_code
        when grouped.record_kind = 'answer' and grouped.procurement_id is null
            then split_part(grouped.record_id, '|', 1) || '|' || split_part(grouped.record_id, '|', 2)
        else coalesce(grouped.procurement_id, grouped.contract_id, grouped.record_id)
    end as cluster_id,
    grouped.source_file,
    grouped.source_row
from grouped
inner join owned on grouped.record_kind = owned.record_kind and grouped.record_id = owned.record_id
union all
-- A line of a sample is evidence only where the sample gives an estimate; one of a category group is never given.
select
    'review' as record_kind,
    review_levels.record_id,
    review_levels.level_code as member_code,
    cast(null as varchar) as category_group,
    review_levels.record_id as cluster_id,
    review_levels.source_file,
    review_levels.source_row
from review_levels
left join members on review_levels.level_code = members.member_code
where review_levels.level_code = 'ALL' or members.member_code is not null
