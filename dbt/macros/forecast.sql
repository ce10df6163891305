{#- How forecasts weigh this year against earlier ones. `docs/forecast.md` tells the method in words.
    What does not belong here: distributions (distributions.sql). -#}

{#- The normal quantile of an 80 % interval, one tail of 10 %. -#}
{% macro forecast_z() -%} 1.281551566 {%- endmacro %}

{#- How much a rate differs from year to year beyond chance, as a variance: what the earlier years show, and 15 % of
    `scale` as one more year. `years` rates x / z with the sums of x²/z, x, z and z²; `noise` is the variance of one unit. -#}
{% macro drift(years, x2_by_z, x, z, z2, noise, scale) -%}
    (
        pow(0.15 * {{ scale }}, 2)
        + greatest(
            coalesce(
                ({{ x2_by_z }} - pow({{ x }}, 2) / nullif({{ z }}, 0) - ({{ years }} - 1) * {{ noise }})
                / nullif({{ z }} - {{ z2 }} / nullif({{ z }}, 0), 0), 0
            ), 0
        ) * ({{ years }} - 1)
    ) / {{ years }}
{%- endmacro %}

{#- The precision of the rate of this year, from what was seen of it (z) and the earlier years (z, drift). -#}
{% macro rate_precision(seen_z, before_z, noise, drift) -%}
    ({{ seen_z }} / {{ noise }} + 1 / ({{ noise }} / {{ before_z }} + {{ drift }}))
{%- endmacro %}

{#- The rate of this year: what was seen of it and the earlier years, each weighed by its precision. -#}
{% macro rate_estimate(seen_x, seen_z, before_x, before_z, noise, drift) -%}
    (
        ({{ seen_x }} / {{ noise }} + {{ before_x }} / {{ before_z }} / ({{ noise }} / {{ before_z }} + {{ drift }}))
        / {{ rate_precision(seen_z, before_z, noise, drift) }}
    )
{%- endmacro %}

{#- What a forecast is based on, in words: the sentence that kpi_forecast's YAML has for the kind of forecast, filled in.
    Known at execution only; at parse time nothing is. -#}
{% macro forecast_basis(kind, language) -%}
    {%- set words = graph.nodes['model.mattstock.kpi_forecast'].config.meta.words if execute else {} -%}
    {%- set filled = namespace(text=literal(words.get(kind ~ '_' ~ language))) -%}
    {%- for place, column in {
        'until': "strftime(as_of, '%Y-%m-%d')",
        'records': 'so_far_count',
        'years': 'year_count',
        'earlier': 'before_count',
        'open': 'coalesce(open_count, 0)',
    }.items() -%}
        {%- set filled.text = 'replace(' ~ filled.text ~ ", '{" ~ place ~ "}', cast(" ~ column ~ ' as varchar))' -%}
    {%- endfor -%}
    {{ filled.text }}
{%- endmacro %}
