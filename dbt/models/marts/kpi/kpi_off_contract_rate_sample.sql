with

sampled_lines as (
    select * from {{ ref('int_sampled_lines') }}
),

samples as (
    select * from {{ source('run', 'samples') }}
),

-- Samples that no published estimate rests on are evidence of nothing.
published as (
    select distinct sample_id
    from {{ ref('invoice_sample_estimate') }}
    where is_published
)

select
    sampled_lines.record_id,
    sampled_lines.booking_date as event_date,
    -- What the line stands for: itself, and those like it that were not drawn or not reviewed.
    case
        when sampled_lines.verdict = 'wild' then sampled_lines.amount / sampled_lines.chance else 0
    end as numerator,
    sampled_lines.amount / sampled_lines.chance as denominator,
    case
        when sampled_lines.verdict is null then 'unknown:not_reviewed'
        when sampled_lines.verdict not in ('on_contract', 'wild')
            then 'not_applicable:' || sampled_lines.verdict
    end as exclusion,
    case when sampled_lines.is_reviewed then abs(sampled_lines.amount) * sampled_lines.weight else 0 end
        as known_weight,
    case when sampled_lines.is_reviewed then 0 else abs(sampled_lines.amount) * sampled_lines.weight end
        as unknown_weight,
    cast(samples.period_start as date) as counts_from,
    cast(samples.period_end as date) as counts_until
from sampled_lines
inner join samples on sampled_lines.sample_id = samples.sample_id
inner join published on sampled_lines.sample_id = published.sample_id
