{#- Sorting key of an invoice's lines: the largest absolute amount, else the smallest line number, is the greatest key. -#}
{% macro largest_first(amount, line_no) -%}
    cast(abs({{ amount }}) * 100 as hugeint) * 10000000000 - {{ line_no }}
{%- endmacro %}

{#- Aggregate: whether all rows have the same value, NULL being a value of its own. -#}
{% macro is_one_value(column) -%}
    count({{ column }}) = 0 or (count({{ column }}) = count(*) and min({{ column }}) = max({{ column }}))
{%- endmacro %}

{#- The weights of an invoice line in the coverage of the figures over purchases: classified and unclassified money. -#}
{% macro coverage_by_amount() -%}
    case when compliance_class in ('excluded', 'unclassified') then 0 else abs(amount_net) end as known_weight,
    case when compliance_class = 'unclassified' then abs(amount_net) else 0 end as unknown_weight
{%- endmacro %}

{#- The record id of a line in a sample. -#}
{% macro sampled_line_id() -%}
    sample_id || '|' || {{ invoice_line_id() }}
{%- endmacro %}

{#- The record id of an invoice line. -#}
{% macro invoice_line_id() -%}
    buyer_unit_id || '|' || fiscal_year || '|' || invoice_id || '|' || line_no
{%- endmacro %}
