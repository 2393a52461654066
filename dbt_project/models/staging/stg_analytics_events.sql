select
    id as event_id,
    student_id,
    creator_id,
    event_type,
    event_data,
    created_at at time zone 'UTC' as occurred_at
from {{ source('raw', 'analytics_events') }}
