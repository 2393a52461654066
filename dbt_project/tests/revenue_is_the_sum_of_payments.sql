with by_month as (
    select
        creator_id,
        currency,
        sum(revenue_cents) as revenue_cents,
        sum(payment_count) as payment_count
    from {{ ref('revenue_monthly') }}
    group by creator_id, currency
),

by_payment as (
    select
        creator_id,
        currency,
        coalesce(sum(amount_cents) filter (where is_paid), 0) as revenue_cents,
        count(*) filter (where is_paid) as payment_count
    from {{ ref('int_payments') }}
    group by creator_id, currency
)

select
    coalesce(by_month.creator_id, by_payment.creator_id) as creator_id,
    coalesce(by_month.currency, by_payment.currency) as currency
from by_month
full outer join by_payment on by_month.creator_id = by_payment.creator_id and by_month.currency = by_payment.currency
where
    by_month.revenue_cents is distinct from by_payment.revenue_cents
    or by_month.payment_count is distinct from by_payment.payment_count
