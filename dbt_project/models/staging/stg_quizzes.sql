select
    id as quiz_id,
    creator_id,
    title,
    video_ids,
    difficulty as difficulty_level,
    questions,
    passing_score,
    created_at at time zone 'UTC' as created_at,
    updated_at at time zone 'UTC' as updated_at
from {{ source('raw', 'quizzes') }}
