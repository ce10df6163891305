{#- Contract validity as day ranges, both days included; date '9999-12-31' stands for open-ended. -#}

{#- CTE body: the days of `held` (the keys, valid_from, valid_until) cut per key at every change. -#}
{% macro cut_spans(held, keys) -%}
    select
        *,
        coalesce(
            cast(lead(from_date) over (partition by {{ keys | join(', ') }} order by from_date) - interval 1 day as date),
            date '9999-12-31'
        ) as until_date
    from (
        select {{ keys | join(', ') }}, valid_from as from_date from {{ held }}
        union
        select {{ keys | join(', ') }}, cast(valid_until + interval 1 day as date) as from_date from {{ held }}
        where valid_until < date '9999-12-31'
    ) as changes
{%- endmacro %}

{#- CTE body: the days of `held` (the keys, contract_id, valid_from, valid_until; one row per key and contract) cut at
    every change, with the contract that rule 3 of the ladder chooses: the latest valid_from, else the smallest id. -#}
{% macro chosen_segments(held, keys) -%}
    select
        {% for key in keys %}spans.{{ key }},
        {% endfor -%}
        spans.from_date,
        spans.until_date,
        held.contract_id,
        count(*) over (partition by {% for key in keys %}spans.{{ key }}, {% endfor %}spans.from_date) as fitting_contracts
    from (
        {{ cut_spans(held, keys) }}
    ) as spans
    inner join {{ held }} as held
        on
            {% for key in keys %}spans.{{ key }} = held.{{ key }} and {% endfor -%}
            spans.from_date between held.valid_from and held.valid_until
    qualify
        row_number() over (
            partition by {% for key in keys %}spans.{{ key }}, {% endfor %}spans.from_date
            order by held.valid_from desc, held.contract_id
        ) = 1
{%- endmacro %}

{#- CTE body: the day ranges of `held` per key, overlapping and adjacent ones merged, so that a day is in one at most. -#}
{% macro merged_segments(held, keys) -%}
    select
        {% for key in keys %}{{ key }},
        {% endfor -%}
        min(valid_from) as from_date,
        max(valid_until) as until_date
    from (
        select
            *,
            sum(case when valid_from - interval 1 day <= latest_before then 0 else 1 end) over (
                partition by {{ keys | join(', ') }}
                order by valid_from, valid_until
                rows between unbounded preceding and current row
            ) as island
        from (
            select
                {{ keys | join(', ') }},
                valid_from,
                valid_until,
                max(valid_until) over (
                    partition by {{ keys | join(', ') }}
                    order by valid_from, valid_until
                    rows between unbounded preceding and 1 preceding
                ) as latest_before
            from {{ held }}
        ) as ordered
    ) as islands
    group by {{ keys | join(', ') }}, island
{%- endmacro %}
