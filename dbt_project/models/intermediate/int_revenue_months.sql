select
    creator_id,
    month_on,
    currency,
    (count(*) filter (where is_paid))::integer as payment_count,
    coalesce(sum(amount_cents) filter (where is_paid), 0)::bigint as revenue_cents,
    (count(distinct student_id) filter (where is_paid))::integer as paying_student_count,
    (count(*) filter (where not is_paid))::integer as failed_payment_count
from {{ ref('int_payments') }}
where {{ touched('creator_id', 'month_on') }}
group by creator_id, month_on, currency
