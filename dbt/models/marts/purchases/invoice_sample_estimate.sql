-- Sums are taken of exact decimals, so that they do not depend on the order of rows.
{% set least_reviewed, least_response = 10, 0.5 %}
{% set area = "('on_contract', 'wild')" %}
{% set rule_area = "('on_contract', 'over_ceiling', 'wild')" %}
{% set keys = 'sample_id, level_code' %}

with

lines as (
    select
        *,
        coalesce(member_code, '') as owner_code,
        cast(amount_net as double) as amount
    from {{ ref('invoice_sample') }}
),

strata as (
    select
        *,
        cast(rule_wild_amount as double) as rule_wild,
        cast(rule_area_amount as double) as rule_area
    from {{ source('run', 'sample_strata') }}
),

-- Who answered: what was reviewed stands for what was drawn in its stratum, by money.
responses as (
    select
        sample_id,
        owner_code,
        stratum,
        count(*) as drawn_lines,
        count(verdict) as reviewed_lines,
        cast(sum({{ exact('weight * abs(amount)') }}) as double) as drawn_amount,
        cast(coalesce(sum({{ exact('weight * abs(amount)') }}) filter (where is_reviewed), 0) as double)
            as reviewed_amount
    from lines
    group by all
),

levels as (
    select distinct
        sample_id,
        owner_code,
        unnest(case when owner_code = '' then ['ALL'] else [owner_code, 'ALL'] end) as level_code
    from responses
),

progress as (
    select
        levels.sample_id,
        levels.level_code,
        cast(sum(responses.drawn_lines) as bigint) as drawn_lines,
        cast(sum(responses.reviewed_lines) as bigint) as reviewed_lines,
        cast(sum({{ exact('responses.reviewed_amount') }}) as double)
        / cast(sum({{ exact('responses.drawn_amount') }}) as double) as response_share,
        min(responses.reviewed_lines) as fewest_reviewed
    from levels
    inner join responses
        on levels.sample_id = responses.sample_id and levels.owner_code = responses.owner_code
    group by all
),

known as (
    select
        levels.sample_id,
        levels.level_code,
        cast(sum({{ exact('strata.rule_wild') }}) as double) as rule_wild,
        cast(sum({{ exact('strata.rule_area') }}) as double) as rule_area
    from levels
    inner join strata on levels.sample_id = strata.sample_id and levels.owner_code = strata.member_code
    group by all
),

reviewed as (
    select
        levels.level_code,
        lines.sample_id,
        lines.owner_code || '|' || lines.stratum as stratum,
        lines.inclusion_probability * responses.reviewed_amount / responses.drawn_amount as chance,
        responses.reviewed_lines as stratum_lines,
        abs(lines.amount) as size,
        case when lines.verdict = 'wild' then lines.amount else 0 end as wild,
        case when lines.verdict in {{ area }} then lines.amount else 0 end as area,
        case when lines.rule_class = 'wild' then lines.amount else 0 end as rule_wild,
        case when lines.rule_class in {{ rule_area }} then lines.amount else 0 end as rule_area
    from lines
    inner join levels on lines.sample_id = levels.sample_id and lines.owner_code = levels.owner_code
    inner join responses
        on
            lines.sample_id = responses.sample_id
            and lines.owner_code = responses.owner_code
            and lines.stratum = responses.stratum
    where lines.is_reviewed
),

-- Each question is a share of two totals: what is expanded of either, and what is known of them beforehand.
questions as (
    {% for method, wild, area, known_wild, known_area in [
        ('design_based', 'wild', 'area', 'cast(0 as double)', 'cast(0 as double)'),
        ('model_assisted', 'wild - reviewed.rule_wild', 'area - reviewed.rule_area', 'known.rule_wild', 'known.rule_area'),
        ('precision', 'case when rule_wild <> 0 then wild else 0 end', 'rule_wild',
         'cast(0 as double)', 'cast(0 as double)'),
        ('recall', 'case when wild <> 0 then rule_wild else 0 end', 'wild', 'cast(0 as double)', 'cast(0 as double)'),
    ] %}
    {% if not loop.first %}union all{% endif %}
    select
        '{{ method }}' as method,
        reviewed.level_code,
        reviewed.sample_id,
        reviewed.stratum,
        reviewed.chance,
        reviewed.stratum_lines,
        reviewed.size,
        {{ wild }} as top,
        {{ area }} as bottom,
        {{ known_wild }} as known_top,
        {{ known_area }} as known_bottom
    from reviewed
    {% if method == 'model_assisted' %}
    inner join known on reviewed.sample_id = known.sample_id and reviewed.level_code = known.level_code
    {% endif %}
    {% endfor %}
),

totals as (
    select
        method,
        sample_id,
        level_code,
        any_value(known_top) + cast(sum({{ exact('top / chance') }}) as double) as top_total,
        any_value(known_bottom) + cast(sum({{ exact('bottom / chance') }}) as double) as bottom_total
    from questions
    group by all
),

-- What each line moves the share by, after Taylor.
moved as (
    select
        questions.*,
        totals.top_total / totals.bottom_total as share,
        (questions.top - totals.top_total / totals.bottom_total * questions.bottom)
        / totals.bottom_total / questions.chance as moves,
        questions.size / totals.bottom_total / questions.chance as reach,
        1 - questions.chance as left_out
    from questions
    inner join totals
        on
            questions.method = totals.method
            and questions.sample_id = totals.sample_id
            and questions.level_code = totals.level_code
    where totals.bottom_total > 0
),

-- Hajek's variance of a sample by unequal chance and fixed size, by stratum.
centres as (
    select
        method,
        sample_id,
        level_code,
        stratum,
        any_value(stratum_lines) as stratum_lines,
        cast(sum({{ exact('left_out') }}) as double) as left_out,
        cast(sum({{ exact('left_out * moves') }}) as double)
        / nullif(cast(sum({{ exact('left_out') }}) as double), 0) as centre
    from moved
    group by all
),

spreads as (
    select
        moved.method,
        moved.sample_id,
        moved.level_code,
        moved.stratum,
        any_value(moved.share) as share,
        any_value(centres.stratum_lines) as stratum_lines,
        any_value(centres.left_out) as left_out,
        cast(sum({{ exact('moved.left_out * pow(moved.moves - coalesce(centres.centre, 0), 2)') }}) as double)
        * any_value(centres.stratum_lines) / any_value(greatest(centres.stratum_lines - 1, 1)) as variance,
        cast(sum({{ exact('moved.left_out * pow(moved.reach, 2)') }}) as double) as reach_squares
    from moved
    inner join centres
        on
            moved.method = centres.method
            and moved.sample_id = centres.sample_id
            and moved.level_code = centres.level_code
            and moved.stratum = centres.stratum
    group by all
),

varied as (
    select
        method,
        sample_id,
        level_code,
        any_value(share) as share,
        cast(sum({{ exact('variance') }}) as double) as variance,
        cast(sum({{ exact('reach_squares') }}) as double) as reach_squares,
        cast(sum(stratum_lines) filter (where left_out > 0) as double) as chance_lines,
        cast(sum(stratum_lines - 1) filter (where left_out > 0) as double) as degrees
    from spreads
    group by all
),

-- Where no line differs there is something unseen all the same.
floored as (
    select
        *,
        variance
        + case
            when method = 'model_assisted' or variance <= 0 or share <= 0 or share >= 1
                then {{ unseen_lines() }} * reach_squares / greatest(chance_lines, 1)
            else 0
        end as likely_variance
    from varied
),

intervals as (
    select
        method,
        sample_id,
        level_code,
        {% for end, sign, bound in [('low', '-', 'greatest(0,'), ('high', '+', 'least(1,')] %}
        case
            when coalesce(likely_variance, 0) <= 0 then share
            when method <> 'model_assisted' and share > 0 and share < 1
                then {{ sampled_share('share', 'likely_variance', 'degrees', sign) }}
            else {{ bound }} share {{ sign }} {{ t_quantile('degrees') }} * sqrt(likely_variance))
        end as {{ end }},
        {% endfor %}
        share
    from floored
),

wide as (
    select
        {{ keys }},
        {% for question in ['design_based', 'precision', 'recall'] %}
        {% for part in ['share', 'low', 'high'] %}
        max({{ part }}) filter (where method = '{{ question }}') as {{ question }}_{{ part }},
        {% endfor %}
        {% endfor %}
        max(share) filter (where method = 'model_assisted') as model_assisted_share,
        max(low) filter (where method = 'model_assisted') as model_assisted_low,
        max(high) filter (where method = 'model_assisted') as model_assisted_high
    from intervals
    group by all
),

judged as (
    select
        progress.*,
        case
            when progress.reviewed_lines = 0 then 'not_reviewed'
            when progress.reviewed_lines < {{ least_reviewed }} then 'too_few'
            when progress.response_share < {{ least_response }} or progress.fewest_reviewed = 0
                then 'low_response'
            else 'estimated'
        end as status
    from progress
),

estimates as (
    {% for method in ['design_based', 'model_assisted'] %}
    {% if not loop.first %}union all{% endif %}
    select
        judged.*,
        samples.period,
        samples.number,
        '{{ method }}' as method,
        totals.top_total,
        known.rule_wild / nullif(known.rule_area, 0) as rule_share,
        wide.{{ method }}_share as share,
        wide.{{ method }}_low as low,
        wide.{{ method }}_high as high,
        1 - (wide.{{ method }}_high - wide.{{ method }}_low)
        / nullif(wide.design_based_high - wide.design_based_low, 0) as width_gain,
        {% for question in ['precision', 'recall'] %}
        wide.{{ question }}_share as rule_{{ question }},
        wide.{{ question }}_low as rule_{{ question }}_low,
        wide.{{ question }}_high as rule_{{ question }}_high,
        {% endfor %}
        totals.bottom_total
    from judged
    inner join {{ source('run', 'samples') }} as samples on judged.sample_id = samples.sample_id
    inner join known on judged.sample_id = known.sample_id and judged.level_code = known.level_code
    left join wide
        on
            judged.status = 'estimated'
            and judged.sample_id = wide.sample_id
            and judged.level_code = wide.level_code
    left join totals
        on
            judged.status = 'estimated'
            and totals.method = '{{ method }}'
            and judged.sample_id = totals.sample_id
            and judged.level_code = totals.level_code
    {% endfor %}
)

select
    sample_id,
    period,
    level_code as member_code,
    method,
    status,
    drawn_lines,
    reviewed_lines,
    response_share,
    share as wild_share,
    low as wild_share_low,
    high as wild_share_high,
    cast(top_total as decimal(18, 2)) as wild_amount,
    cast(bottom_total as decimal(18, 2)) as area_amount,
    rule_share,
    width_gain,
    rule_precision,
    rule_precision_low,
    rule_precision_high,
    rule_recall,
    rule_recall_low,
    rule_recall_high,
    -- The plan's own estimate, of the latest sample of the period that gives one.
    coalesce(
        method = 'design_based' and share is not null
        and number
        = max(number) filter (where method = 'design_based' and share is not null)
            over (partition by period, level_code),
        false
    ) as is_published
from estimates
order by sample_id asc, member_code asc, method asc
