with creators as (
    select
        creator_id,
        date_trunc('month', today_on)::date as this_month_on,
        (date_trunc('month', today_on) - interval '1 month')::date as last_month_on
    from {{ ref('int_creators') }}
    where {{ touched('creator_id') }}
),

revenue as (
    select
        creators.creator_id,
        creators.this_month_on,
        months.currency,
        coalesce(sum(months.revenue_cents) filter (where months.month_on = creators.this_month_on), 0)::bigint as this_month_cents,
        coalesce(sum(months.revenue_cents) filter (where months.month_on = creators.last_month_on), 0)::bigint as last_month_cents,
        coalesce(sum(months.failed_payment_count) filter (where months.month_on = creators.this_month_on), 0)::integer as this_month_failed_count,
        coalesce(sum(months.failed_payment_count) filter (where months.month_on = creators.last_month_on), 0)::integer as last_month_failed_count
    from creators
    inner join {{ ref('int_revenue_months') }} as months on creators.creator_id = months.creator_id
    group by creators.creator_id, creators.this_month_on, months.currency
),

students as (
    select
        creator_id,
        count(*) as student_count
    from {{ ref('int_students_tiered') }}
    where creator_id in (select revenue.creator_id from revenue)
    group by creator_id
)

select
    revenue.creator_id,
    revenue.currency,
    revenue.this_month_on,
    revenue.this_month_cents,
    revenue.last_month_cents,
    {{ change('revenue.this_month_cents', 'revenue.last_month_cents') }} as revenue_change,
    round(revenue.this_month_cents::numeric / students.student_count)::bigint as per_student_cents,
    revenue.this_month_failed_count,
    revenue.last_month_failed_count
from revenue
left join students on revenue.creator_id = students.creator_id
