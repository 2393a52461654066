with attempts as (
    select
        attempts.quiz_id,
        count(*) as attempt_count,
        count(*) filter (where attempts.is_passed) as pass_count,
        sum(attempts.score) as score_sum
    from {{ ref('stg_quiz_attempts') }} as attempts
    inner join {{ ref('stg_quizzes') }} as quizzes on attempts.quiz_id = quizzes.quiz_id
    inner join {{ ref('stg_students') }} as students on attempts.student_id = students.student_id and quizzes.creator_id = students.creator_id
    where attempts.completed_at <= {{ as_of() }} and students.joined_at <= {{ as_of() }} and {{ touched('attempts.quiz_id') }}
    group by attempts.quiz_id
)

select
    quizzes.creator_id,
    quizzes.quiz_id,
    quizzes.created_at,
    coalesce(attempts.attempt_count, 0)::integer as attempt_count,
    coalesce(attempts.pass_count, 0)::integer as pass_count,
    coalesce(attempts.score_sum, 0)::bigint as score_sum
from {{ ref('stg_quizzes') }} as quizzes
left join attempts on quizzes.quiz_id = attempts.quiz_id
where {{ touched('quizzes.quiz_id') }}
