{#- Distributions in closed form, as SQL expressions over columns. DuckDB has none of its own.
    What does not belong here: which figure takes which distribution. -#}

{#- The normal distribution function by a rational approximation of its tail; wrong by less than one in ten millions. -#}
{% macro normal_cdf(x) -%}
    {%- set t = '(1 / (1 + 0.2316419 * abs(' ~ x ~ ')))' -%}
    {%- set tail -%}
        0.3989422804 * exp(-pow({{ x }}, 2) / 2) * {{ t }} * (
            0.319381530 + {{ t }} * (-0.356563782 + {{ t }} * (1.781477937 + {{ t }} * (
                -1.821255978 + {{ t }} * 1.330274429
            )))
        )
    {%- endset -%}
    case when ({{ x }}) >= 0 then 1 - {{ tail }} else {{ tail }} end
{%- endmacro %}

{#- The quantile of a gamma distribution by its mean and variance, from the normal quantile `z`: the cube root of a gamma
    variable is nearly normal. Nothing varies where the variance is 0. -#}
{% macro gamma_quantile(mean, variance, z) -%}
    {%- set spread = '(' ~ variance ~ ' / nullif(pow(' ~ mean ~ ', 2), 0))' -%}
    case
        when {{ mean }} > 0 and {{ variance }} > 0
            then {{ mean }} * pow(greatest(1 - {{ spread }} / 9 + ({{ z }}) * sqrt({{ spread }}) / 3, 0), 3)
        else {{ mean }}
    end
{%- endmacro %}

{#- The probability that such a variable is at most `x`. -#}
{% macro gamma_cdf(x, mean, variance) -%}
    {%- set spread = '(' ~ variance ~ ' / nullif(pow(' ~ mean ~ ', 2), 0))' -%}
    {%- set root = 'pow(greatest(' ~ x ~ ', 0) / nullif(' ~ mean ~ ', 0), 1.0 / 3)' -%}
    {%- set z = '((' ~ root ~ ' - 1 + ' ~ spread ~ ' / 9) * 3 / nullif(sqrt(' ~ spread ~ '), 0))' -%}
    case
        when ({{ x }}) < 0 then 0.0
        when {{ mean }} > 0 and {{ variance }} > 0 then {{ normal_cdf(z) }}
        else cast(({{ x }}) >= {{ mean }} as integer)
    end
{%- endmacro %}
