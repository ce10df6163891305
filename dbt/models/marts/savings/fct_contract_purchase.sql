-- Purchases on contracts by month, with what each krona saves: what became of savings is read from here.
with

bought as (
    select
        compliance_class,
        contract_id,
        member_code,
        category_code,
        category_group,
        max(booking_date) as booking_date,
        sum(amount_net) as amount,
        sum(abs(amount_net)) as absolute_amount
    from {{ ref('fct_invoice_line') }}
    where compliance_class in ('on_contract', 'over_ceiling')
    group by
        compliance_class,
        contract_id,
        member_code,
        category_code,
        category_group,
        date_trunc('month', booking_date)
),

contracts as (
    select * from {{ ref('int_contract_records') }}
),

savings as (
    select * from {{ ref('int_procurement_savings') }}
)

select
    bought.compliance_class,
    bought.contract_id,
    contracts.procurement_id,
    bought.member_code,
    bought.category_code,
    bought.category_group,
    -- The last day of the month on which something was booked.
    bought.booking_date,
    cast(bought.amount as decimal(18, 2)) as amount,
    cast(bought.absolute_amount as decimal(18, 2)) as absolute_amount,
    -- Paid at the new price: the saving of a krona paid, not of a krona that would have been.
    savings.saving_amount / nullif(savings.after_amount, 0) as saving_share,
    case
        when savings.procurement_id is null then 'unknown:no_procurement'
        when not savings.is_in_scope then savings.scope_exclusion
        when savings.reason is not null then 'unknown:' || savings.reason
        when savings.after_amount = 0 then 'unknown:nothing_paid_after'
    end as exclusion,
    contracts.source_file,
    contracts.source_row
from bought
left join contracts on bought.contract_id = contracts.contract_id
left join savings on contracts.procurement_id = savings.procurement_id
order by
    bought.compliance_class,
    bought.contract_id,
    bought.member_code,
    bought.category_code,
    bought.category_group,
    bought.booking_date
