select
    id as progress_id,
    student_id,
    video_id,
    last_position_seconds,
    watch_time_seconds as watch_seconds,
    completion_percentage,
    completed as is_completed,
    created_at at time zone 'UTC' as created_at,
    updated_at at time zone 'UTC' as updated_at,
    booked_no,
    observed_at,
    best_completion_percentage
from {{ source('raw', 'video_progress') }}
