{#- Aggregate over a contract's rows, one for each supplier: an amount that is stated once, or alike on every row, is the
    whole contract's; amounts that differ are the suppliers' parts of it. -#}
{% macro of_contract(column) -%}
    case when count(distinct {{ column }}) = 1 then max({{ column }}) else sum({{ column }}) end
{%- endmacro %}
