select
    creator_id,
    attempt_id,
    student_id,
    student_name,
    student_email,
    quiz_id,
    quiz_title,
    score,
    is_passed,
    time_taken_seconds,
    completed_at
from {{ ref('int_attempts') }}
where {{ touched('attempt_id') }}
