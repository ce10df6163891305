{#- Estimates from a sample drawn with unequal chance, as SQL expressions. What does not belong here: which lines are
    drawn (flow/sampling.py), and which of the estimates is published (invoice_sample_estimate). -#}

{#- How many lines, drawn each by itself, would give the variance of a share that was seen with so many degrees of freedom
    (Kott and Carr 1997). -#}
{% macro lines_worth(share, variance, degrees) -%}
    {{ share }} * (1 - {{ share }}) / {{ variance }} * pow({{ interval_z() }} / {{ t_quantile(degrees) }}, 2)
{%- endmacro %}
