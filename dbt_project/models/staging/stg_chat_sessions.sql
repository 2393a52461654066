select
    id as session_id,
    student_id,
    creator_id,
    title,
    context_type,
    created_at at time zone 'UTC' as created_at,
    updated_at at time zone 'UTC' as updated_at
from {{ source('raw', 'chat_sessions') }}
