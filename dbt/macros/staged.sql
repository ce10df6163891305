{#- The rows of a delivered source: the columns of its contract, and where each row came from.
    The contract is the only list of columns; at parse time, before the graph is known, a star stands in. -#}
{% macro staged(name) -%}
select
{%- if execute %}
    {%- for column in graph.sources['source.mattstock.delivered.' ~ name].columns %}
    {{ adapter.quote(column) }},
    {%- endfor %}
    source_file,
    source_sheet,
    source_row,
    origin
{%- else %} *
{%- endif %}
from {{ source('delivered', name) }}
{%- endmacro %}
