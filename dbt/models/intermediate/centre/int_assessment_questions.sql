-- The questions of the two self-assessments, unrolled from this model's own YAML. One row per question.
{% set questions = graph.nodes['model.mattstock.int_assessment_questions'].config.meta if execute else {} %}
{% for question in questions.get('ambition_graph', []) %}
    select
        'ambition_graph' as assessment,
        {{ loop.index }} as position,
        '{{ question.id }}' as question_id,
        '{{ question.get("counts_as", question.id) }}' as item_id,
        {{ literal(question.label_sv) }} as label_sv,
        '{{ question.part }}' as part,
        cast(null as varchar) as perspective,
        cast({{ question.get('weight', 1) }} as decimal(18, 6)) as weight,
        {{ question.answers }}::decimal(18, 6)[] as answers
    union all
{% endfor %}
{% for item in questions.get('dalarna_model', []) %}
    select
        'dalarna_model' as assessment,
        {{ loop.index }} as position,
        '{{ item.id }}' as question_id,
        '{{ item.id }}' as item_id,
        {{ literal(item.label_sv) }} as label_sv,
        {{ literal(item.part) }} as part,
        {{ literal(item.get('perspective')) }} as perspective,
        cast(1 as decimal(18, 6)) as weight,
        [0, 1, 2, 3]::decimal(18, 6)[] as answers
    union all
{% endfor %}
select
    cast(null as varchar) as assessment,
    cast(null as integer) as position,
    cast(null as varchar) as question_id,
    cast(null as varchar) as item_id,
    cast(null as varchar) as label_sv,
    cast(null as varchar) as part,
    cast(null as varchar) as perspective,
    cast(null as decimal(18, 6)) as weight,
    cast(null as decimal(18, 6)[]) as answers
where false
