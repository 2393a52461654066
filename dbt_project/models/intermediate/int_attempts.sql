{{ config(materialized='view') }}

select
    quizzes.creator_id,
    attempts.attempt_id,
    attempts.quiz_id,
    quizzes.title as quiz_title,
    attempts.student_id,
    students.name as student_name,
    students.email as student_email,
    attempts.answers,
    attempts.score,
    attempts.is_passed,
    attempts.time_taken_seconds,
    attempts.completed_at
from {{ ref('stg_quiz_attempts') }} as attempts
inner join {{ ref('stg_quizzes') }} as quizzes on attempts.quiz_id = quizzes.quiz_id
inner join {{ ref('stg_students') }} as students on attempts.student_id = students.student_id and quizzes.creator_id = students.creator_id
where attempts.completed_at <= {{ as_of() }} and students.joined_at <= {{ as_of() }}
