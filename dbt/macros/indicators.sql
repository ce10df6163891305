{#- What an indicator's YAML says of it (`config.meta.kpi`). Known at execution only; at parse time nothing is. -#}
{% macro indicator(kpi_id) -%}
    {%- if execute -%}
        {{ return(graph.nodes['model.mattstock.kpi_' ~ kpi_id].config.meta.kpi) }}
    {%- else -%}
        {{ return({}) }}
    {%- endif -%}
{%- endmacro %}

{#- Text as an SQL literal; nothing becomes NULL. -#}
{% macro literal(text) -%}
    {%- if text is none or text == '' -%} cast(null as varchar) {%- else -%} '{{ (text | string).replace("'", "''") }}' {%- endif -%}
{%- endmacro %}
