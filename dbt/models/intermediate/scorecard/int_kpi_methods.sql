-- Which interval suits which figure, from what the catalogue says of it. One row per indicator.
--   share: every record is in the numerator or not, and counts one.
--   survey: answers of a few asked, who stand for all.
--   count: events and sums over them. amount: sums of money, which may be negative.
--   rate: events over a stock.
--   mean and median: of the records' values.
--   ratio: amounts, and means over units that recur, such as the members' ranks.
--   estimate: from a drawn sample, with the sample's own interval.
--   none: totals by month without what they consist of; what varies in them was not delivered.
select
    kpi_id,
    direction,
    case
        when aggregation = 'estimate' then 'estimate'
        when aggregation = 'median' then 'median'
        when aggregation = 'sum' and unit = 'sek' then 'amount'
        when aggregation in ('sum', 'count_distinct') then 'count'
        when record_kind = 'staff_month' and period_rule = 'mean_stock' and unit = 'share' then 'rate'
        when record_kind in ('staff_month', 'budget_line') then 'none'
        when basis = 'survey' then 'survey'
        when record_kind = 'invoice_line' or unit not in ('share', 'mean') then 'ratio'
        when unit = 'mean' then 'mean'
        else 'share'
    end as method
from {{ ref('kpi_catalogue') }}
