{#- How far a figure may move by chance: intervals in closed form, as SQL expressions over columns. The nominal level is
    `interval_level` in dbt_project.yml, two-sided. What does not belong here: which figure takes which method
    (int_kpi_methods), and what is said of a change (int_kpi_changes). -#}

{#- The normal quantile of the nominal level. -#}
{% macro interval_z() -%}
    {%- set quantiles = {'0.8': 1.281551566, '0.9': 1.644853627, '0.95': 1.959963985, '0.99': 2.575829304} -%}
    {%- set level = var('interval_level', 0.95) | string -%}
    {%- if execute and level not in quantiles -%}
        {{ exceptions.raise_compiler_error('interval_level must be one of ' ~ quantiles.keys() | join(', ')) }}
    {%- endif -%}
    {{ quantiles.get(level, 1) }}
{%- endmacro %}

{#- What is left outside the nominal level on either side. -#}
{% macro interval_tail() -%}
    {{ (1 - var('interval_level', 0.95) | float) / 2 }}
{%- endmacro %}

{#- Student's t quantile by its expansion around the normal one: within 1 % from four degrees of freedom up; degrees
    need not be whole, and fewer than one are taken as one. -#}
{% macro t_quantile(degrees) -%}
    {%- set z = interval_z() | float -%}
    {%- set v = 'greatest(' ~ degrees ~ ', 1.0)' -%}
    ({{ z }}
    + {{ (z ** 3 + z) / 4 }} / {{ v }}
    + {{ (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96 }} / pow({{ v }}, 2)
    + {{ (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384 }} / pow({{ v }}, 3))
{%- endmacro %}

{#- Wilson's score interval of a share of `n` records; `n` need not be whole. `sign` is - for the lower end, + for the
    upper. -#}
{% macro wilson(share, n, sign) -%}
    {%- set z = interval_z() | float -%}
    (
        ({{ share }} + {{ z ** 2 / 2 }} / ({{ n }}))
        {{ sign }} {{ z }} * sqrt(
            greatest({{ share }} * (1 - {{ share }}), 0) / ({{ n }}) + {{ z ** 2 / 4 }} / pow({{ n }}, 2)
        )
    ) / (1 + {{ z ** 2 }} / ({{ n }}))
{%- endmacro %}

{#- An end of the interval of a share of `n` records with as much left outside on either side, also near 0 and 1: Cai's
    (2005) second-order corrected one. Wilson's is as good for one share, but leaves more outside on the side of the
    nearer bound, which does not do where the ends of several shares are put together. -#}
{% macro cai(share, n, sign) -%}
    {%- set z = interval_z() | float -%}
    {%- set eta = z ** 2 / 3 + 1 / 6 -%}
    {%- set spread = share ~ ' * (1 - ' ~ share ~ ')' -%}
    {{ 'greatest(0, least(' if sign == '-' else 'least(1, greatest(' }}{{ share }}, ({{ share }} * ({{ n }}) + {{ eta }}) / ({{ n }} + {{ 2 * eta }})
    {{ sign }} {{ z }} * sqrt(greatest(
        {{ spread }} + ({{ z ** 2 / 18 + 7 / 36 }} - {{ z ** 2 * 13 / 18 + 17 / 18 }} * {{ spread }}) / ({{ n }}), 0
    ) / ({{ n }}))))
{%- endmacro %}

{#- The score interval of a Poisson count; the same `sign`. -#}
{% macro poisson_score(events, sign) -%}
    {%- set z = interval_z() | float -%}
    ({{ events }} + {{ z ** 2 / 2 }} {{ sign }} {{ z }} * sqrt(greatest({{ events }}, 0) + {{ z ** 2 / 4 }}))
{%- endmacro %}

{#- How far a change reaches below (`now` gives its distance to its lower end, `before` to its upper) or above, from the
    distances of two figures to the ends of their intervals and the correlation of their errors. Newcombe's interval
    for two shares is the case of two Wilson intervals. -#}
{% macro recovered_distance(now, before, correlation) -%}
    sqrt(abs(
        pow({{ now }}, 2) + pow({{ before }}, 2) - 2 * {{ correlation }} * ({{ now }}) * ({{ before }})
    ))
{%- endmacro %}

{#- The weight of a cluster in a replicate of the bootstrap: Poisson with mean 1, drawn by digest and not by chance, so
    that the same records give the same interval in every run. -#}
{% macro bootstrap_weight(cluster, replicate) -%}
    {%- set draw = "cast(md5_number_lower(" ~ cluster ~ " || '|' || " ~ replicate ~ ") as double) / 18446744073709551616.0" -%}
    case
        {% for limit in [0.36787944117, 0.73575888234, 0.91969860293, 0.98101184312, 0.99634015317, 0.99940581518] -%}
        when {{ draw }} < {{ limit }} then {{ loop.index0 }}
        {% endfor -%}
        else 6
    end
{%- endmacro %}

{#- One of a hundred groups, the same for a cluster in every period. -#}
{% macro random_group(cluster) -%}
    cast(md5_number_lower({{ cluster }}) % 100 as varchar)
{%- endmacro %}

{#- The value at a rank of a sorted list, in a straight line between two records' ranks. -#}
{% macro between_ranks(sorted, rank) -%}
    {{ sorted }}[cast(floor({{ rank }}) as bigint)]
    + ({{ rank }} - floor({{ rank }}))
    * ({{ sorted }}[cast(ceil({{ rank }}) as bigint)] - {{ sorted }}[cast(floor({{ rank }}) as bigint)])
{%- endmacro %}

{#- A double as an exact decimal, for sums that must not depend on the order of rows; what no figure reaches is cut off.
    More `decimals` for what is small leave less room for what is large. -#}
{% macro exact(expression, decimals=18) -%}
    {%- set limit = '1e' ~ (35 - decimals) -%}
    cast(
        case when {{ expression }} is not null then greatest(least({{ expression }}, {{ limit }}), -{{ limit }}) end
        as decimal(38, {{ decimals }})
    )
{%- endmacro %}
