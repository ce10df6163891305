{{ config(materialized='table') }}

with

choices as (
    select * from {{ ref('int_contract_choices') }}
),

ceilings as (
    select
        contract_id,
        max(ceiling_value) as ceiling_value
    from {{ ref('int_contract_terms') }}
    where ceiling_value is not null
    group by contract_id
),

-- Only lines of suppliers with a ceiling anywhere need their contract chosen here.
capped_suppliers as (
    select distinct supplier_id
    from {{ ref('int_contract_terms') }}
    where ceiling_value is not null
),

capped as (
    select
        choices.buyer_unit_id,
        choices.fiscal_year,
        choices.invoice_id,
        choices.line_no,
        choices.invoice_date,
        choices.booking_date,
        choices.amount_net,
        choices.contract_id,
        ceilings.ceiling_value
    from choices
    inner join ceilings on choices.contract_id = ceilings.contract_id
    where choices.supplier_id in (select capped_suppliers.supplier_id from capped_suppliers)
),

-- A ceiling above the sum of all debits is never reached: those contracts need no sorting.
reachable as (
    select contract_id
    from capped
    group by contract_id
    having sum(case when amount_net > 0 then amount_net else 0 end) > min(ceiling_value)
),

accumulated as (
    select
        capped.*,
        sum(capped.amount_net) over (
            partition by capped.contract_id
            order by
                capped.invoice_date,
                capped.booking_date,
                capped.buyer_unit_id,
                capped.invoice_id,
                capped.line_no,
                capped.fiscal_year
            rows between unbounded preceding and current row
        ) as accumulated_amount
    from capped
    inner join reachable on capped.contract_id = reachable.contract_id
)

select
    buyer_unit_id,
    fiscal_year,
    invoice_id,
    line_no,
    contract_id,
    accumulated_amount,
    ceiling_value
from accumulated
where accumulated_amount > ceiling_value
