select
    id as message_id,
    session_id,
    role,
    content,
    video_references,
    feedback,
    created_at at time zone 'UTC' as sent_at
from {{ source('raw', 'chat_messages') }}
