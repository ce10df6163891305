{#- The rules of kpi_lint as its YAML declares them, by name. Known at execution only; at parse time nothing is. -#}
{% macro lint_rules() -%}
    {%- if execute -%}
        {{ return(graph.nodes['model.mattstock.kpi_lint'].config.meta.rules) }}
    {%- else -%}
        {{ return({}) }}
    {%- endif -%}
{%- endmacro %}

{#- The words that a rule knows in a target's note. -#}
{% macro noted(rule) -%}
    regexp_matches(lower(coalesce(note, '')), {{ literal(lint_rules().get(rule, {}).get('noted')) }})
{%- endmacro %}

{#- A target's value in words: shares in per cent, what cannot be a share as it was written, no needless zeros. -#}
{% macro target_in_words(value, unit, decimal_mark) -%}
    {%- set is_percentage = unit ~ " = 'share' and abs(" ~ value ~ ") <= 1" -%}
    replace(
        rtrim(rtrim(cast(cast(
            case when {{ is_percentage }} then {{ value }} * 100 else {{ value }} end as decimal(18, 4)
        ) as varchar), '0'), '.'),
        '.', '{{ decimal_mark }}'
    ) || case when {{ is_percentage }} then ' %' else '' end
{%- endmacro %}
