with

drawn as (
    select
        sample_lines.*,
        samples.period
    from {{ source('run', 'sample_lines') }} as sample_lines
    inner join {{ source('run', 'samples') }} as samples on sample_lines.sample_id = samples.sample_id
),

reviews as (
    select * from {{ ref('stg_invoice_reviews') }} where verdict <> 'not_reviewed'
),

-- A verdict on the line goes before one on the whole invoice.
judged as (
    select
        drawn.*,
        reviews.verdict,
        reviews.reviewer,
        reviews.source_file,
        reviews.source_row
    from drawn
    left join reviews
        on
            drawn.sample_id = reviews.sample_id
            and drawn.buyer_unit_id = reviews.buyer_unit_id
            and drawn.invoice_id = reviews.invoice_id
            and drawn.fiscal_year = coalesce(reviews.fiscal_year, drawn.fiscal_year)
            and drawn.line_no = coalesce(reviews.line_no, drawn.line_no)
    qualify
        row_number() over (
            partition by
                drawn.sample_id, drawn.buyer_unit_id, drawn.fiscal_year, drawn.invoice_id, drawn.line_no
            order by reviews.line_no asc nulls last, reviews.fiscal_year asc nulls last
        ) = 1
)

select
    judged.sample_id,
    judged.period,
    nullif(judged.member_code, '') as member_code,
    judged.buyer_unit_id,
    judged.fiscal_year,
    judged.invoice_id,
    judged.line_no,
    judged.stratum,
    judged.inclusion_probability,
    1 / judged.inclusion_probability as weight,
    judged.booking_date,
    judged.amount_net,
    judged.rule_class,
    lines.compliance_class as rule_class_now,
    (
        lines.amount_net is distinct from judged.amount_net
        or lines.compliance_class is distinct from judged.rule_class
    ) as is_changed,
    judged.verdict,
    judged.verdict is not null as is_reviewed,
    judged.reviewer,
    lines.supplier_id,
    lines.supplier_name,
    judged.source_file,
    judged.source_row
from judged
left join {{ ref('fct_invoice_line') }} as lines
    on
        judged.buyer_unit_id = lines.buyer_unit_id
        and judged.fiscal_year = lines.fiscal_year
        and judged.invoice_id = lines.invoice_id
        and judged.line_no = lines.line_no
order by
    judged.sample_id asc,
    judged.buyer_unit_id asc,
    judged.fiscal_year asc,
    judged.invoice_id asc,
    judged.line_no asc
