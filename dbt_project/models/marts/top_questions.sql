select
    creator_id,
    question_id,
    question,
    ask_count,
    student_count,
    ask_7d_count,
    ask_30d_count,
    {{ rate('positive_count', 'rated_count') }} as satisfaction_rate,
    first_asked_at,
    last_asked_at,
    positive_count,
    rated_count,
    trend,
    is_content_gap,
    question_id as question_group,
    related_video_id,
    related_video_title,
    related_video_second,
    example_wordings
from {{ ref('int_questions') }}
where {{ touched('creator_id', 'question_id') }}
