with days as (
    select
        student_id,
        max(last_activity_at) as last_activity_at,
        sum(quiz_attempt_count)::integer as quiz_attempt_count,
        sum(message_count)::integer as message_count
    from {{ ref('int_student_days') }}
    where {{ touched('student_id') }}
    group by student_id
),

passes as (
    select
        attempts.student_id,
        count(distinct attempts.quiz_id)::integer as quiz_passed_count
    from {{ ref('stg_quiz_attempts') }} as attempts
    inner join {{ ref('stg_quizzes') }} as quizzes on attempts.quiz_id = quizzes.quiz_id
    inner join {{ ref('stg_students') }} as students on attempts.student_id = students.student_id and quizzes.creator_id = students.creator_id
    where attempts.is_passed and attempts.completed_at <= {{ as_of() }} and {{ touched('attempts.student_id') }}
    group by attempts.student_id
)

select
    days.student_id,
    days.last_activity_at,
    days.quiz_attempt_count,
    coalesce(passes.quiz_passed_count, 0) as quiz_passed_count,
    days.message_count
from days
left join passes on days.student_id = passes.student_id
