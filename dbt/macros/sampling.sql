{#- Estimates from a sample drawn with unequal chance, as SQL expressions. What does not belong here: which lines are
    drawn (flow/sampling.py), and which of the estimates is published (invoice_sample_estimate). -#}

{#- How many lines' worth of variance a difference from the rule is taken to have beside what was seen: that no reviewed
    line differs does not show that none does. -#}
{% macro unseen_lines() -%} 1.0 {%- endmacro %}

{#- An end of the interval of a share from its estimate, variance and degrees of freedom: Wilson's, on as many lines as
    would give that variance. -#}
{% macro sampled_share(share, variance, degrees, sign) -%}
    {%- set lines = '(' ~ share ~ ' * (1 - ' ~ share ~ ') / ' ~ variance ~ ' * pow(' ~ interval_z() ~ ' / ' ~ t_quantile(degrees) ~ ', 2))' -%}
    {{ wilson(share, lines, sign) }}
{%- endmacro %}
