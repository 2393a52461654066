select
    overview.creator_id,
    overview.currency
from {{ ref('revenue_overview') }} as overview
left join {{ ref('revenue_monthly') }} as this_month
    on
        overview.creator_id = this_month.creator_id
        and overview.currency = this_month.currency
        and overview.this_month_on = this_month.month_on
left join {{ ref('revenue_monthly') }} as last_month
    on
        overview.creator_id = last_month.creator_id
        and overview.currency = last_month.currency
        and last_month.month_on = overview.this_month_on - interval '1 month'
where
    {{ gate('revenue_overview', 'overview.creator_id') }}
    and (
        overview.this_month_cents <> coalesce(this_month.revenue_cents, 0)
        or overview.last_month_cents <> coalesce(last_month.revenue_cents, 0)
        or overview.this_month_failed_count <> coalesce(this_month.failed_payment_count, 0)
        or overview.last_month_failed_count <> coalesce(last_month.failed_payment_count, 0)
    )
