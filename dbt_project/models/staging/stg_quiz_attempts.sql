select
    id as attempt_id,
    quiz_id,
    student_id,
    answers,
    score,
    passed as is_passed,
    time_taken_seconds,
    completed_at at time zone 'UTC' as completed_at
from {{ source('raw', 'quiz_attempts') }}
