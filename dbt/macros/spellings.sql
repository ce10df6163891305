{#- A name without regard to case and spacing; nothing but spaces is no name. -#}
{% macro bare_name(column) -%}
    nullif(lower(regexp_replace({{ column }}, '[\s\x{00A0}\x{2007}\x{2009}\x{202F}]+', '', 'g')), '')
{%- endmacro %}

{#- A bankgiro or organisation number without its punctuation. -#}
{% macro bare_number(column) -%}
    nullif(upper(regexp_replace({{ column }}, '[^0-9A-Za-z]+', '', 'g')), '')
{%- endmacro %}

{#- An account of digits only as a number, so that ranges are compared as numbers; NULL for any other account. -#}
{% macro account_number(column) -%}
    case when regexp_full_match({{ column }}, '[0-9]{1,38}') then cast({{ column }} as decimal(38, 0)) end
{%- endmacro %}

{#- A Swedish organisation number in any spelling as ten digits; any other identity as it stands. -#}
{% macro bare_orgnr(column) -%}
    case
        when regexp_full_match({{ bare_number(column) }}, '(16)?[0-9]{10}') then right({{ bare_number(column) }}, 10)
        when regexp_full_match({{ bare_number(column) }}, 'SE[0-9]{10}01') then substr({{ bare_number(column) }}, 3, 10)
        else {{ column }}
    end
{%- endmacro %}

{#- Whether a name is that of a company that is paid for others: factoring and invoice financing. -#}
{% macro is_factoring_name(column) -%}
    coalesce(regexp_matches(lower({{ column }}), '{{ var("factoring_words") | join("|") }}'), false)
{%- endmacro %}
