select
    creator_id,
    month_on,
    currency,
    payment_count,
    revenue_cents,
    paying_student_count,
    failed_payment_count
from {{ ref('int_revenue_months') }}
where {{ touched('creator_id', 'month_on') }}
