{{ config(materialized='table') }}

with

sample_lines as (
    select
        *,
        {{ sampled_line_id() }} as record_id,
        coalesce(member_code, '') as owner_code
    from {{ ref('invoice_sample') }}
),

-- What was reviewed stands for what was drawn in its stratum, by money.
responses as (
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
)

select
    sample_lines.*,
    cast(sample_lines.amount_net as double) as amount,
    responses.drawn_lines as stratum_drawn_lines,
    responses.reviewed_lines as stratum_reviewed_lines,
    responses.drawn_amount as stratum_drawn_amount,
    responses.reviewed_amount as stratum_reviewed_amount,
    case
        when sample_lines.is_reviewed
            then sample_lines.inclusion_probability * responses.reviewed_amount / responses.drawn_amount
    end as chance
from sample_lines
inner join responses
    on
        sample_lines.sample_id = responses.sample_id
        and sample_lines.owner_code = responses.owner_code
        and sample_lines.stratum = responses.stratum
