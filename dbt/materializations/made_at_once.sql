{#- Tables and views as they are made in a database that is built anew in every run: by one statement each. dbt's own ways
    build beside and rename, so that readers of a database in use are not disturbed; here that costs most of a small
    model's time, and nobody reads until the release is made. What does not belong here: hooks, grants, indexes. -#}

{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- if model['language'] == 'sql' -%}
        {{ return(made_at_once('table')) }}
    {%- endif -%}
    {#- dbt lets Python be submitted from a materialization itself only, not from a macro that it calls. -#}
    {%- set target = this.incorporate(type='table') -%}
    {%- do drop_relation_if_exists(load_cached_relation(this)) -%}
    {%- call statement('main', language='python') -%}
        {{ py_write_table(temporary=false, relation=target, compiled_code=compiled_code) }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(made_at_once('view')) }}
{% endmaterialization %}

{% macro made_at_once(kind) %}
    {%- set target = this.incorporate(type=kind) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is not none and existing.type != kind -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {#- One statement is a transaction of its own. -#}
    {%- call statement('main', auto_begin=false) -%}
        create or replace {{ kind }} {{ target }} as (
            {{ sql }}
        )
    {%- endcall -%}
    {{ return({'relations': [target]}) }}
{% endmacro %}
