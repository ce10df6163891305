{#- How periods and records meet; shared by the figures and their intervals. -#}

{#- The name of the same period a year before. -#}
{% macro period_a_year_before(period) -%}
    (cast(left({{ period }}, 4) as bigint) - 1) || substr({{ period }}, 5)
{%- endmacro %}

{#- Whether a record with a period rule rests in a period. The rules are told in int_kpi_measures. -#}
{% macro is_placed(records, periods) -%}
    case
        when {{ records }}.period_rule = 'in_force_at_end'
            then {{ periods }}.counted_until between {{ records }}.counts_from and {{ records }}.counts_until
        when {{ records }}.period_rule = 'sampled_period'
            then
                {{ records }}.counts_from = {{ periods }}.period_start
                and {{ records }}.counts_until = {{ periods }}.period_end
        else
            {{ records }}.event_date between {{ periods }}.period_start and {{ periods }}.period_end
            and ({{ records }}.period_rule <> 'year_only' or {{ periods }}.period_type = 'year')
    end
{%- endmacro %}

{#- What it adds to the numerator there. -#}
{% macro placed_numerator(records, periods) -%}
    case
        when {{ records }}.period_rule <> 'stock_at_end' or {{ records }}.counts_from <= {{ periods }}.counted_until
            then {{ records }}.numerator
        else 0
    end
{%- endmacro %}
