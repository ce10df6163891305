-- The formulas are laid out for reading, not for the SQL that they unroll to.
-- noqa: disable=LT02, LT05
-- Sums are taken of exact decimals, so that they do not depend on the order of rows. docs/sample.md has the formulas.
{% set least_reviewed, least_response, most_unanswered, few_of_a_kind = 10, 0.5, 0.02, 10 %}
{% set area = "('on_contract', 'wild')" %}
{% set rule_area = "('on_contract', 'over_ceiling', 'wild')" %}

with

samples as (
    select * from {{ source('run', 'samples') }}
),

settings as (
    select as_of from {{ source('run', 'settings') }}
),

lines as (
    select * from {{ ref('int_sampled_lines') }}
),

strata as (
    select
        sample_id,
        member_code as owner_code,
        stratum,
        cast(rule_wild_amount as decimal(38, 2)) as rule_wild,
        cast(rule_area_amount as decimal(38, 2)) as rule_area,
        cast(amount as decimal(38, 2)) as amount
    from {{ source('run', 'sample_strata') }}
),

levels as (
    select distinct
        sample_id,
        owner_code,
        unnest(case when owner_code = '' then ['ALL'] else [owner_code, 'ALL'] end) as level_code
    from lines
),

progress as (
    select
        levels.sample_id,
        levels.level_code,
        cast(sum(responses.drawn_lines) as bigint) as drawn_lines,
        cast(sum(responses.reviewed_lines) as bigint) as reviewed_lines,
        cast(sum({{ exact('responses.reviewed_amount') }}) as double)
        / cast(sum({{ exact('responses.drawn_amount') }}) as double) as response_share,
        cast(coalesce(sum({{ exact('responses.drawn_amount') }}) filter (where not responses.is_stood_for), 0) as double)
        / cast(sum({{ exact('responses.drawn_amount') }}) as double) as unanswered_share
    from levels
    inner join (
        select distinct
            sample_id,
            owner_code,
            stratum,
            stratum_drawn_lines as drawn_lines,
            stratum_reviewed_lines as reviewed_lines,
            stratum_drawn_amount as drawn_amount,
            stratum_reviewed_amount as reviewed_amount,
            is_stood_for
        from lines
    ) as responses
        on levels.sample_id = responses.sample_id and levels.owner_code = responses.owner_code
    group by all
),

reviewed as (
    select
        levels.level_code,
        lines.sample_id,
        lines.owner_code || '|' || lines.stratum as stratum,
        lines.chance,
        1 - lines.chance as left_out,
        lines.stratum_reviewed_lines as stratum_lines,
        lines.amount_net,
        lines.amount,
        case when lines.verdict = 'wild' then lines.amount else 0 end as wild,
        case when lines.verdict in {{ area }} then lines.amount else 0 end as area,
        case
            when lines.amount < 0 then 'credit'
            when lines.rule_class = 'wild' then 'wild'
            when lines.rule_class in {{ rule_area }} then 'covered'
            else 'outside'
        end as class
    from lines
    inner join levels on lines.sample_id = levels.sample_id and lines.owner_code = levels.owner_code
    where lines.is_reviewed
),

-- The verdicts alone: a share of two totals, each expanded from the sample.
expanded as (
    select
        sample_id,
        level_code,
        cast(sum({{ exact('wild / chance') }}) as double) as wild,
        cast(sum({{ exact('area / chance') }}) as double) as area,
        cast(sum({{ exact('left_out * pow(area / chance / 1e6, 2)') }}) as double) as area_squares,
        least(
            count(*) filter (where left_out > 0 and wild <> 0), count(*) filter (where left_out > 0 and wild <> area)
        ) as fewest_of_a_kind
    from reviewed
    group by all
),

-- What each line moves the share by, after Taylor.
moved as (
    select
        reviewed.sample_id,
        reviewed.level_code,
        reviewed.stratum,
        reviewed.stratum_lines,
        reviewed.left_out,
        (reviewed.wild - expanded.wild / expanded.area * reviewed.area) / expanded.area / reviewed.chance as moves
    from reviewed
    inner join expanded on reviewed.sample_id = expanded.sample_id and reviewed.level_code = expanded.level_code
    where expanded.area > 0
),

-- Hajek's variance of a sample by unequal chance and fixed size, by stratum.
centres as (
    select
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
        moved.sample_id,
        moved.level_code,
        any_value(centres.stratum_lines) as stratum_lines,
        any_value(centres.left_out) as left_out,
        cast(sum({{ exact('moved.left_out * pow(moved.moves - coalesce(centres.centre, 0), 2)') }}) as double)
        * any_value(centres.stratum_lines) / any_value(greatest(centres.stratum_lines - 1, 1)) as variance
    from moved
    inner join centres
        on
            moved.sample_id = centres.sample_id
            and moved.level_code = centres.level_code
            and moved.stratum = centres.stratum
    group by moved.sample_id, moved.level_code, moved.stratum
),

variances as (
    select
        sample_id,
        level_code,
        cast(sum({{ exact('variance') }}) as double) as variance,
        cast(coalesce(sum(stratum_lines - 1) filter (where left_out > 0), 0) as double) as degrees
    from spreads
    group by all
),

-- How many lines of even size, drawn each by itself, would tell the share as well: by the variance that was seen, and by
-- the lines' sizes alone (Kish) where none was, or where fewer than so many are wild, or not, and it is better.
worths as (
    select
        expanded.sample_id,
        expanded.level_code,
        expanded.wild as top_total,
        expanded.area as bottom_total,
        expanded.wild / expanded.area as share,
        expanded.fewest_of_a_kind,
        case
            when variances.variance > 0 and expanded.wild > 0 and expanded.wild < expanded.area
                then {{ lines_worth('expanded.wild / expanded.area', 'variances.variance', 'variances.degrees') }}
        end as seen_lines,
        pow(expanded.area / 1e6, 2) / nullif(expanded.area_squares, 0) as even_lines
    from expanded
    inner join variances on expanded.sample_id = variances.sample_id and expanded.level_code = variances.level_code
),

by_design as (
    select
        sample_id,
        level_code,
        top_total,
        bottom_total,
        share,
        -- Where every line was reviewed nothing is left to chance. Credit notes may take a share beyond 0 and 1.
        {% for end, sign, bound in [('low', '-', 'least'), ('high', '+', 'greatest')] %}
        case
            when even_lines is null then share
            else {{ bound }}(share, {{ cai('least(greatest(share, 0), 1)', 'lines', sign) }})
        end as {{ end }}{{ ',' if end == 'low' }}
        {% endfor %}
    from (
        select
            *,
            case
                when seen_lines is null or (fewest_of_a_kind < {{ few_of_a_kind }} and even_lines < seen_lines)
                    then even_lines
                else seen_lines
            end as lines
        from worths
    ) as chosen
),

-- The rule's help: what it says of a line puts the line in a class whose whole amount is known. Lines that were sure to
-- be reviewed are taken as they are (certain); the rest of a class is as the reviewed lines of it.
class_reviews as (
    select
        sample_id,
        level_code,
        class,
        sum(amount_net) filter (where left_out <= 0) as certain_amount,
        {% for kind in ['area', 'wild'] %}
        cast(sum({{ exact(kind) }}) filter (where left_out <= 0) as double) as certain_{{ kind }},
        {% endfor %}
        {% for kind in ['amount', 'area', 'wild'] %}
        cast(sum({{ exact(kind ~ ' / chance') }}) filter (where left_out > 0) as double) as {{ kind }},
        {% endfor %}
        -- In millions, so that they hold as exact decimals.
        {% for kind in ['amount', 'area'] %}
        cast(sum({{ exact('left_out * pow(' ~ kind ~ ' / chance / 1e6, 2)') }}) as double) as {{ kind }}_squares,
        {% endfor %}
        count(*) filter (where left_out > 0) as reviewed_lines
    from reviewed
    group by all
),

class_amounts as (
    select
        levels.sample_id,
        levels.level_code,
        parts.class,
        sum(parts.amount) as whole_amount
    from (
        {% for class, amount in [
            ('wild', 'rule_wild'), ('covered', 'rule_area - rule_wild'), ('outside', 'amount - rule_area')
        ] %}
        select
            sample_id,
            owner_code,
            case when stratum = 'credit' then 'credit' else '{{ class }}' end as class,
            {{ amount }} as amount
        from strata
        {% if not loop.last %}union all{% endif %}
        {% endfor %}
    ) as parts
    inner join levels on parts.sample_id = levels.sample_id and parts.owner_code = levels.owner_code
    group by all
),

classes as (
    select
        class_amounts.sample_id,
        class_amounts.level_code,
        class_amounts.class,
        cast(class_amounts.whole_amount as double) as whole_amount,
        cast(class_amounts.whole_amount - coalesce(reviews.certain_amount, 0) as double) as left_amount,
        {% for sum in ['certain_area', 'certain_wild', 'reviewed_lines', 'amount', 'area', 'wild', 'amount_squares', 'area_squares'] %}
        coalesce(reviews.{{ sum }}, 0) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from class_amounts
    left join class_reviews as reviews
        on
            class_amounts.sample_id = reviews.sample_id
            and class_amounts.level_code = reviews.level_code
            and class_amounts.class = reviews.class
),

-- A class that no line was reviewed of is put with the one that most were.
largest as (
    select
        sample_id,
        level_code,
        arg_max(class, (reviewed_lines, class)) as class
    from classes
    where class <> 'credit'
    group by all
),

merged as (
    select
        classes.sample_id,
        classes.level_code,
        case when classes.reviewed_lines > 0 then classes.class else largest.class end as class,
        {% for sum in ['left_amount', 'certain_area', 'certain_wild', 'amount', 'area', 'wild', 'amount_squares', 'area_squares'] %}
        sum(classes.{{ sum }}) as {{ sum }}{{ ',' if not loop.last }}
        {% endfor %}
    from classes
    left join largest on classes.sample_id = largest.sample_id and classes.level_code = largest.level_code
    group by all
),

-- Of what is left of a class so much is in areas with contracts, and of that so much wild; each with as many lines of
-- even size as would tell it as well (Kish).
class_shares as (
    select
        sample_id,
        level_code,
        left_amount,
        certain_area,
        certain_wild,
        case when amount <> 0 then least(greatest(area / amount, 0), 1) else 0 end as area_share,
        case when area <> 0 then least(greatest(wild / area, 0), 1) else 0 end as wild_share,
        case when amount_squares > 0 then pow(amount / 1e6, 2) / amount_squares else 1 end as lines,
        case when area_squares > 0 then pow(area / 1e6, 2) / area_squares else 1 end as area_lines
    from merged
),

assisted as (
    select
        sample_id,
        level_code,
        cast(sum({{ exact('certain_wild + left_amount * area_share * wild_share') }}) as double) as top_total,
        cast(sum({{ exact('certain_area + left_amount * area_share') }}) as double) as bottom_total
    from class_shares
    group by all
),

-- What each class's two shares move the whole by, and how far either may reach; they do not vary together.
reaches as (
    select
        class_shares.sample_id,
        class_shares.level_code,
        {% for name, lines, by in [
            ('wild', 'area_lines', 'class_shares.area_share'),
            ('area', 'lines', '(class_shares.wild_share - assisted.top_total / assisted.bottom_total)'),
        ] %}
        class_shares.left_amount * {{ by }} / assisted.bottom_total as {{ name }}_moves,
        class_shares.{{ name }}_share
        - {{ cai('class_shares.' ~ name ~ '_share', 'class_shares.' ~ lines, '-') }} as {{ name }}_below,
        {{ cai('class_shares.' ~ name ~ '_share', 'class_shares.' ~ lines, '+') }}
        - class_shares.{{ name }}_share as {{ name }}_above{{ ',' if not loop.last }}
        {% endfor %}
    from class_shares
    inner join assisted
        on class_shares.sample_id = assisted.sample_id and class_shares.level_code = assisted.level_code
    where assisted.bottom_total > 0
),

-- The ends of the whole from the ends of its parts (MOVER).
recovered as (
    select
        sample_id,
        level_code,
        {% for end, up, down in [('low', 'below', 'above'), ('high', 'above', 'below')] %}
        sqrt(cast(sum({{ exact(
            'pow(wild_moves * case when wild_moves > 0 then wild_' ~ up ~ ' else wild_' ~ down ~ ' end, 2)'
            ~ ' + pow(area_moves * case when area_moves > 0 then area_' ~ up ~ ' else area_' ~ down ~ ' end, 2)'
        ) }}) as double)) as {{ end }}_distance{{ ',' if end == 'low' }}
        {% endfor %}
    from reaches
    group by all
),

-- How good the rule is, over purchases: so much is wild of what it calls wild, and of the rest. What no line was
-- reviewed of is not known, unless there is nothing of it.
rule_sides as (
    select
        sample_id,
        level_code,
        class = 'wild' as is_called_wild,
        sum(whole_amount) as whole_amount,
        sum(left_amount) as left_amount,
        sum(certain_wild) as certain_wild,
        sum(wild) / nullif(sum(amount), 0) as share,
        pow(sum(amount) / 1e6, 2) / nullif(sum(amount_squares), 0) as lines
    from classes
    where class <> 'credit'
    group by all
),

rule_found as (
    select
        sample_id,
        level_code,
        {% for side, is_called in [('called', 'is_called_wild'), ('other', 'not is_called_wild')] %}
        max(whole_amount) filter (where {{ is_called }}) as {{ side }}_amount,
        max(certain_wild + case when left_amount = 0 then 0 else left_amount * share end) filter (where {{ is_called }})
            as {{ side }}_wild,
        {% for end, sign in [('below', '-'), ('above', '+')] %}
        max(
            case when left_amount = 0 then 0 else left_amount * abs({{ cai('share', 'lines', sign) }} - share) end
        ) filter (where {{ is_called }}) as {{ side }}_{{ end }}{{ ',' if not (loop.last and side == 'other') }}
        {% endfor %}
        {% endfor %}
    from rule_sides
    group by all
),

rule_quality as (
    select
        sample_id,
        level_code,
        called_wild / nullif(called_amount, 0) as precision_share,
        recall_share,
        -- An end is empty where the share is: the least of nothing and one would be one.
        {% for end, bound, sign, called, other in [
            ('low', 'greatest(0,', '-', 'called_below', 'other_above'),
            ('high', 'least(1,', '+', 'called_above', 'other_below'),
        ] %}
        case
            when called_wild is not null and called_amount > 0
                then {{ bound }} (called_wild {{ sign }} {{ called }}) / called_amount)
        end as precision_{{ end }},
        case
            when recall_share is not null
                then {{ bound }} recall_share {{ sign }} sqrt(
                    pow((1 - recall_share) * {{ called }}, 2) + pow(recall_share * {{ other }}, 2)
                ) / (called_wild + other_wild))
        end as recall_{{ end }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            *,
            called_wild / nullif(called_wild + other_wild, 0) as recall_share
        from rule_found
    ) as found
),

intervals as (
    select
        'design_based' as method,
        *
    from by_design
    union all
    select
        'model_assisted' as method,
        assisted.sample_id,
        assisted.level_code,
        assisted.top_total,
        assisted.bottom_total,
        assisted.top_total / assisted.bottom_total as share,
        {% for end, sign, bound, inner in [('low', '-', 'least', 'greatest(0,'), ('high', '+', 'greatest', 'least(1,')] %}
        {{ bound }}(
            assisted.top_total / assisted.bottom_total,
            {{ inner }} assisted.top_total / assisted.bottom_total {{ sign }} coalesce(recovered.{{ end }}_distance, 0))
        ) as {{ end }}{{ ',' if end == 'low' }}
        {% endfor %}
    from assisted
    left join recovered
        on assisted.sample_id = recovered.sample_id and assisted.level_code = recovered.level_code
    where assisted.bottom_total > 0
),

judged as (
    select
        progress.*,
        case
            when progress.reviewed_lines = 0 then 'not_reviewed'
            when progress.reviewed_lines < {{ least_reviewed }} then 'too_few'
            when
                progress.response_share < {{ least_response }}
                or progress.unanswered_share > {{ most_unanswered }}
                then 'low_response'
            else 'estimated'
        end as status
    from progress
),

rules as (
    select
        levels.sample_id,
        levels.level_code,
        cast(sum(strata.rule_wild) as double) / nullif(cast(sum(strata.rule_area) as double), 0) as rule_share
    from levels
    inner join strata on levels.sample_id = strata.sample_id and levels.owner_code = strata.owner_code
    group by all
),

-- A sample of days that the as-of date has not reached does not exist yet.
reached as (
    select
        lines.sample_id,
        max(lines.booking_date) <= any_value(settings.as_of) as is_reached
    from lines
    cross join settings
    group by all
),

estimates as (
    select
        judged.*,
        samples.period,
        cast(samples.period_start as date) as period_start,
        cast(samples.period_end as date) as period_end,
        samples.number,
        methods.method,
        own.top_total,
        own.bottom_total,
        own.share,
        own.low,
        own.high,
        rules.rule_share,
        1 - (own.high - own.low) / nullif(by_design.high - by_design.low, 0) as width_gain,
        {% for question in ['precision', 'recall'] %}
        rule_quality.{{ question }}_share as rule_{{ question }},
        rule_quality.{{ question }}_low as rule_{{ question }}_low,
        rule_quality.{{ question }}_high as rule_{{ question }}_high,
        {% endfor %}
        reached.is_reached
    from judged
    cross join (values ('design_based'), ('model_assisted')) as methods (method)
    inner join samples on judged.sample_id = samples.sample_id
    inner join reached on judged.sample_id = reached.sample_id
    inner join rules on judged.sample_id = rules.sample_id and judged.level_code = rules.level_code
    left join intervals as own
        on
            judged.status = 'estimated'
            and methods.method = own.method
            and judged.sample_id = own.sample_id
            and judged.level_code = own.level_code
    left join by_design
        on
            judged.status = 'estimated'
            and judged.sample_id = by_design.sample_id
            and judged.level_code = by_design.level_code
    left join rule_quality
        on
            judged.status = 'estimated'
            and judged.sample_id = rule_quality.sample_id
            and judged.level_code = rule_quality.level_code
)

select
    sample_id,
    period,
    period_start,
    period_end,
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
        method = 'design_based' and share is not null and is_reached
        and number
        = max(number) filter (where method = 'design_based' and share is not null and is_reached)
            over (partition by period, level_code),
        false
    ) as is_published
from estimates
order by sample_id asc, member_code asc, method asc
