{#- A model's schema is the one named in dbt_project.yml, without dbt's usual prefix: `main` is what is published. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
