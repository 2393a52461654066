select
    id as video_id,
    creator_id,
    course_id,
    title,
    category,
    tags,
    difficulty_level,
    duration_seconds,
    transcript_processed as is_transcript_processed,
    order_index,
    created_at at time zone 'UTC' as created_at,
    updated_at at time zone 'UTC' as updated_at
from {{ source('raw', 'videos') }}
