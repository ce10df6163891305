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

{#- Makes a model depend on every indicator. Which of them it reads is known at execution only, and there it should name
    only those: each one that is written into the model (the ledger's) has dbt take the model's SQL apart. -#}
{% macro depends_on_every_indicator() -%}
    {%- if not execute -%}
        {%- for kpi_id in var('indicators') -%}
            {%- do ref('kpi_' ~ kpi_id) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{#- The evidence of an indicator over the ledger, enough for sums by month, with how many records each row stands for.
    Where it is over the ledger's lines, its own SQL is put over their cells: fewer rows, and the same sums. A model that
    calls this depends on `int_ledger_cells`. -#}
{% macro evidence_by_month(kpi_id) -%}
    {%- set lines, cells = "ref('fct_invoice_line')", "ref('int_ledger_cells')" -%}
    {%- set code = graph.nodes['model.mattstock.kpi_' ~ kpi_id].raw_code -%}
    {%- if lines in code -%}
        (
            select
                * exclude (source_row),
                source_row as records
            from (
                {{ render(code.replace(lines, cells)) }}
            )
        )
    {%- else -%}
        (
            select
                *,
                1 as records
            from {{ ref('kpi_' ~ kpi_id) }}
        )
    {%- endif -%}
{%- endmacro %}
