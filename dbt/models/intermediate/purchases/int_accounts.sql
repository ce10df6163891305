{{ config(materialized='table') }}

with

invoices as (
    select * from {{ ref('stg_invoices') }}
),

ranges as (
    select
        account_from,
        account_to,
        category_code,
        purchase,
        {{ account_number('account_from') }} as number_from,
        {{ account_number('account_to') }} as number_to
    from {{ ref('stg_accounts') }}
),

accounts as (
    select
        account,
        {{ account_number('account') }} as account_number
    from (select distinct account from invoices) as seen
)

select
    accounts.account,
    ranges.purchase as is_purchase,
    ranges.category_code
from accounts
inner join ranges
    on
        accounts.account_number between ranges.number_from and ranges.number_to
        or (
            (accounts.account_number is null or ranges.number_from is null or ranges.number_to is null)
            and accounts.account between ranges.account_from and ranges.account_to
        )
-- Ranges do not overlap; a numeric and a textual one could still both hold an account.
qualify row_number() over (partition by accounts.account order by ranges.account_from, ranges.account_to) = 1
