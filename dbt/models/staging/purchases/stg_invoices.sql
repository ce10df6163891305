-- The ledger's lines with their amounts in kronor. One row per accepted invoice line.
with

-- Read twice, and too large to be kept in between.
lines as not materialized (
    {{ staged('invoices') }}
),

rates as (
    select * from {{ ref('stg_exchange_rates') }}
),

foreign_days as (
    select distinct
        currency,
        invoice_date
    from lines
    where currency <> 'SEK'
),

-- The latest rate on or before the invoice date; that there is one was judged at arrival.
rates_of_days as (
    select
        foreign_days.currency,
        foreign_days.invoice_date,
        arg_max(rates.sek_per_unit, rates.date) as sek_per_unit
    from foreign_days
    inner join rates
        on foreign_days.currency = rates.currency and foreign_days.invoice_date >= rates.date
    group by foreign_days.currency, foreign_days.invoice_date
)

select
    lines.* replace (
        case
            when lines.currency = 'SEK' then lines.amount_net
            else cast(round(lines.amount_net * rates_of_days.sek_per_unit, 2) as decimal(18, 2))
        end as amount_net,
        case
            when lines.currency = 'SEK' then lines.vat_amount
            else cast(round(lines.vat_amount * rates_of_days.sek_per_unit, 2) as decimal(18, 2))
        end as vat_amount
    )
from lines
left join rates_of_days
    on lines.currency = rates_of_days.currency and lines.invoice_date = rates_of_days.invoice_date
