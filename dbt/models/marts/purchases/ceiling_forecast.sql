{#- Months that the pace is taken from at most and at least, and Student's quantiles of the two-sided 80 % interval for so
    many months, from the shortest to the longest. -#}
{% set longest, shortest = 12, 3 %}
{% set quantiles = [1.8856, 1.6377, 1.5332, 1.4759, 1.4398, 1.4149, 1.3968, 1.3830, 1.3722, 1.3634] %}
{% set dates = {
    'exhausted_date': 'expected', 'exhausted_low_date': 'earliest', 'exhausted_high_date': 'latest'
} %}
{% set days_in_month = 30.436875 %}

with

settings as (
    select * from {{ source('run', 'settings') }}
),

terms as (
    select * from {{ ref('int_contract_terms') }}
),

capped as (
    select
        contract_id,
        max(ceiling_value) as ceiling_amount,
        count(distinct supplier_id) as suppliers,
        min(valid_from) as valid_from,
        max(valid_until) as valid_until
    from terms
    group by contract_id
    having max(ceiling_value) is not null
),

-- The one reading of the ledger: what each member has called off, by month of booking.
monthly as (
    select
        contract_id,
        member_code,
        cast(date_trunc('month', booking_date) as date) as month,
        sum(amount_net) as amount,
        min(case when compliance_class = 'over_ceiling' then invoice_date end) as passed_date
    from {{ ref('fct_invoice_line') }}
    where contract_id in (select capped.contract_id from capped)
    group by contract_id, member_code, cast(date_trunc('month', booking_date) as date)
),

-- Every contract as a whole and for each member that is entitled or has bought.
entitled as (
    select
        contract_id,
        member_code
    from {{ ref('int_contract_members') }}
    union
    select
        contract_id,
        member_code
    from monthly
    where member_code is not null
),

places as (
    select
        contract_id,
        'ALL' as member_code
    from capped
    union all
    select
        capped.contract_id,
        entitled.member_code
    from capped
    inner join entitled on capped.contract_id = entitled.contract_id
),

-- Ledgers come late: what is not booked yet is unknown, not nothing. The ledger speaks until the end of the last month that
-- something was booked in.
ledger as (
    select last_day(max(booking_date)) as last_day
    from {{ ref('fct_invoice_line') }}
),

known as (
    select
        least(settings.as_of, ledger.last_day) as until_date,
        ledger.last_day is not null as has_ledger
    from settings
    cross join ledger
),

ended as (
    select
        until_date,
        has_ledger,
        cast(date_trunc('month', until_date + interval 1 day) as date) as month_end
    from known
),

-- The months of the pace: those that have ended, at most a year, from the contract's first whole month.
windows as (
    select
        capped.*,
        settings.as_of,
        ended.until_date,
        ended.has_ledger,
        greatest(
            cast(ended.month_end - interval '{{ longest }} month' as date),
            case
                when capped.valid_from = date_trunc('month', capped.valid_from) then capped.valid_from
                else cast(date_trunc('month', capped.valid_from) + interval 1 month as date)
            end
        ) as from_month,
        ended.month_end as before_month
    from capped
    cross join settings
    cross join ended
),

used as (
    select
        places.contract_id,
        places.member_code,
        case when windows.has_ledger then coalesce(sum(monthly.amount), 0) end as used_amount,
        coalesce(
            sum(monthly.amount) filter (
                where monthly.month >= windows.from_month and monthly.month < windows.before_month
            ),
            0
        ) as paced_amount,
        min(monthly.passed_date) as passed_date
    from places
    inner join windows on places.contract_id = windows.contract_id
    left join monthly
        on
            places.contract_id = monthly.contract_id
            and (places.member_code = 'ALL' or places.member_code = monthly.member_code)
    group by places.contract_id, places.member_code, windows.has_ledger
),

-- Squares of whole months' sums, exact as decimals: the order of summing must not matter.
spread as (
    select
        contract_id,
        sum(cast(amount as decimal(19, 2)) * cast(amount as decimal(19, 2))) as squares
    from (
        select
            monthly.contract_id,
            monthly.month,
            sum(monthly.amount) as amount
        from monthly
        inner join windows on monthly.contract_id = windows.contract_id
        where
            monthly.month >= windows.from_month
            and monthly.month < windows.before_month
        group by monthly.contract_id, monthly.month
    ) as by_month
    group by contract_id
),

paced as (
    select
        windows.*,
        used.used_amount as used_all_amount,
        used.passed_date,
        case
            when windows.has_ledger
                then greatest(date_diff('month', windows.from_month, windows.before_month), 0)
            else 0
        end as pace_months,
        cast(used.paced_amount as double) as paced,
        cast(coalesce(spread.squares, 0) as double) as squares,
        cast(windows.ceiling_amount - used.used_amount as double) as remaining
    from windows
    inner join used on windows.contract_id = used.contract_id and used.member_code = 'ALL'
    left join spread on windows.contract_id = spread.contract_id
),

moments as (
    select
        *,
        paced / pace_months as mean,
        greatest(squares - paced * paced / pace_months, 0) / (pace_months - 1) as variance,
        pow(
            cast(
                list_extract(
                    {{ quantiles }},
                    pace_months - {{ shortest - 1 }}
                ) as double
            ), 2
        ) as square_quantile
    from paced
    where
        pace_months >= {{ shortest }}
        and paced > 0
        and remaining >= 0
        and valid_until >= as_of
),

-- After n months the sum is about n·mean, with variance(n + n²/months): each month's own, and that of the mean. The days
-- are where the sum's upper and lower 10 % bounds meet what remains: the two roots of one quadratic.
roots as (
    select
        *,
        mean * mean - square_quantile * variance / pace_months as a,
        2 * remaining * mean + square_quantile * variance as b
    from moments
),

months_left as (
    select
        contract_id,
        remaining / mean as expected,
        2 * remaining * remaining / (b + discriminant) as earliest,
        case when a > 0 then (b + discriminant) / (2 * a) end as latest
    from (
        select
            *,
            sqrt(greatest(b * b - 4 * a * remaining * remaining, 0)) as discriminant
        from roots
    ) as solved
),

days as (
    select
        {% for date, months in dates.items() %}
        -- A day beyond a century says only that it lasts.
        case
            when months_left.{{ months }} < 1200
                then
                    paced.until_date
                    + cast(floor(months_left.{{ months }} * {{ days_in_month }}) as integer)
        end as {{ date }},
        {% endfor %}
        paced.contract_id
    from paced
    inner join months_left on paced.contract_id = months_left.contract_id
)

select
    used.contract_id,
    used.member_code,
    contracts.title,
    contracts.category_code,
    paced.suppliers,
    cast(paced.ceiling_amount as decimal(18, 2)) as ceiling_amount,
    cast(used.used_amount as decimal(18, 2)) as used_amount,
    cast(paced.used_all_amount - used.used_amount as decimal(18, 2)) as others_used_amount,
    cast(paced.ceiling_amount - paced.used_all_amount as decimal(18, 2)) as remaining_amount,
    cast(used.used_amount as double) / nullif(cast(paced.ceiling_amount as double), 0) as used_share,
    cast(paced.used_all_amount as double) / nullif(cast(paced.ceiling_amount as double), 0) as used_all_share,
    paced.pace_months,
    case
        when paced.pace_months >= {{ shortest }}
            then cast(used.paced_amount / paced.pace_months as decimal(18, 2))
    end as pace_month_amount,
    paced.passed_date,
    days.exhausted_date,
    days.exhausted_low_date,
    days.exhausted_high_date,
    nullif(paced.valid_until, date '9999-12-31') as in_force_until_date,
    case
        when paced.used_all_amount > paced.ceiling_amount then 'exceeded'
        when paced.valid_until < paced.as_of then 'ended'
        when not paced.has_ledger then 'no_ledger'
        when paced.pace_months < {{ shortest }} then 'too_little_data'
        when paced.paced <= 0 then 'not_used'
        when days.exhausted_date <= paced.valid_until then 'exhausts'
        when days.exhausted_low_date <= paced.valid_until then 'may_exhaust'
        else 'lasts'
    end as status
from used
inner join paced on used.contract_id = paced.contract_id
left join days on used.contract_id = days.contract_id
left join (
    select
        contract_id,
        min_by(title, supplier_id) as title,
        min_by(category_code, supplier_id) as category_code
    from {{ ref('stg_contracts') }}
    group by contract_id
) as contracts on used.contract_id = contracts.contract_id
order by used.contract_id asc, used.member_code asc
