select
    quizzes.creator_id,
    quizzes.quiz_id,
    quizzes.title,
    quizzes.difficulty_level,
    quizzes.passing_score,
    results.attempt_count,
    results.student_count,
    {{ mean('results.score_sum', 'results.attempt_count') }} as avg_score,
    {{ rate('results.pass_count', 'results.attempt_count') }} as pass_rate,
    {{ rate('results.attempt_count - results.pass_count', 'results.attempt_count') }} as fail_rate,
    results.median_seconds,
    results.last_attempted_at,
    results.is_struggling
from {{ ref('stg_quizzes') }} as quizzes
inner join {{ ref('int_quiz_results') }} as results on quizzes.quiz_id = results.quiz_id
where quizzes.created_at <= {{ as_of() }} and {{ touched('quizzes.quiz_id') }}
