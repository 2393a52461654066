-- An event that does not name its creator is that of its student's creator.
with payments as (
    select
        events.event_id,
        events.student_id,
        coalesce(events.creator_id, students.creator_id) as creator_id,
        events.event_type = 'payment_succeeded' as is_paid,
        upper(events.event_data ->> 'currency') as currency,
        (events.event_data ->> 'amount')::numeric::bigint as amount_cents,
        events.occurred_at
    from {{ ref('stg_analytics_events') }} as events
    left join {{ ref('stg_students') }} as students on events.student_id = students.student_id
    where
        events.event_type in ('payment_succeeded', 'payment_failed')
        and events.occurred_at <= {{ as_of() }}
        and {{ touched('events.event_id') }}
)

select
    payments.event_id,
    payments.creator_id,
    payments.student_id,
    payments.is_paid,
    payments.currency,
    payments.amount_cents,
    payments.occurred_at,
    date_trunc('month', payments.occurred_at at time zone zones.timezone)::date as month_on
from payments
inner join {{ ref('stg_creator_zones') }} as zones
    on payments.creator_id = zones.creator_id and payments.occurred_at >= zones.valid_from and payments.occurred_at < zones.valid_until
