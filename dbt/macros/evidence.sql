{#- Weights for the coverage of a figure that counts records: 1 known or 1 unknown for each record of the basis.
    What is out of scope or not applicable belongs to neither. -#}
{% macro coverage_by_record() -%}
    case when exclusion is null or exclusion like 'not_met:%' then 1 else 0 end as known_weight,
    case when exclusion like 'unknown:%' then 1 else 0 end as unknown_weight
{%- endmacro %}
