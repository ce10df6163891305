{#- The rows of a delivered source: the columns of its contract, and where each row came from.
    The contract is the only list of columns; at parse time and in unit tests, where the graph is not known, a star stands in. -#}
{% macro staged(name) -%}
    {%- set columns = ['*'] -%}
    {%- if execute and graph.sources -%}
        {%- set columns = [] -%}
        {%- for column in graph.sources['source.mattstock.delivered.' ~ name].columns -%}
            {%- do columns.append(adapter.quote(column)) -%}
        {%- endfor -%}
        {%- do columns.extend(['source_file', 'source_sheet', 'source_row', 'origin']) -%}
    {%- endif -%}
    select {{ columns | join(', ') }} from {{ source('delivered', name) }}
{%- endmacro %}
