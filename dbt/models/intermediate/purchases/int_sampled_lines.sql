{{ config(materialized='table') }}

with

sample_lines as (
    select
        *,
        {{ sampled_line_id() }} as record_id,
        coalesce(member_code, '') as owner_code
    from {{ ref('invoice_sample') }}
),

strata as (
    select
        sample_id,
        owner_code,
        stratum,
        count(*) as drawn_lines,
        count(verdict) as reviewed_lines,
        cast(sum({{ exact('weight * cast(abs(amount_net) as double)') }}) as double) as drawn_amount,
        cast(
            sum({{ exact('case when is_reviewed then weight * cast(abs(amount_net) as double) else 0 end') }})
            as double
        ) as reviewed_amount
    from sample_lines
    group by all
),

-- A stratum of purchases that nothing was reviewed of is stood for by the member's other one.
grouped as (
    select
        *,
        case
            when stratum = 'credit' then 'credit'
            when min(reviewed_lines) over (partition by sample_id, owner_code, stratum = 'credit') = 0
                then 'purchases'
            else stratum
        end as response_group
    from strata
),

responses as (
    select
        *,
        cast(sum({{ exact('drawn_amount') }}) over own_group as double) as group_drawn_amount,
        cast(sum({{ exact('reviewed_amount') }}) over own_group as double) as group_reviewed_amount
    from grouped
    window own_group as (partition by sample_id, owner_code, response_group)
)

select
    sample_lines.*,
    cast(sample_lines.amount_net as double) as amount,
    responses.drawn_lines as stratum_drawn_lines,
    responses.reviewed_lines as stratum_reviewed_lines,
    responses.drawn_amount as stratum_drawn_amount,
    responses.reviewed_amount as stratum_reviewed_amount,
    responses.group_reviewed_amount > 0 as is_stood_for,
    case
        when sample_lines.is_reviewed
            then
                sample_lines.inclusion_probability
                * responses.group_reviewed_amount
                / responses.group_drawn_amount
    end as chance
from sample_lines
inner join responses
    on
        sample_lines.sample_id = responses.sample_id
        and sample_lines.owner_code = responses.owner_code
        and sample_lines.stratum = responses.stratum
