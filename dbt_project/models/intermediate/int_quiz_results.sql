with attempts as (
    select
        quiz_id,
        count(*) as attempt_count,
        count(distinct student_id) as student_count,
        count(*) filter (where is_passed) as pass_count,
        sum(score) as score_sum,
        percentile_cont(0.5) within group (order by time_taken_seconds) as median_seconds,
        max(completed_at) as last_attempted_at
    from {{ ref('int_attempts') }}
    where {{ touched('quiz_id') }}
    group by quiz_id
)

select
    quizzes.creator_id,
    quizzes.quiz_id,
    quizzes.created_at,
    coalesce(attempts.attempt_count, 0)::integer as attempt_count,
    coalesce(attempts.student_count, 0)::integer as student_count,
    coalesce(attempts.pass_count, 0)::integer as pass_count,
    coalesce(attempts.score_sum, 0)::bigint as score_sum,
    -- The middle of two whole seconds is whole or a half: exact in floating point too.
    attempts.median_seconds::numeric(12, 2) as median_seconds,
    attempts.last_attempted_at,
    -- Whole numbers, so that exactly half is not more than half.
    coalesce(attempts.attempt_count >= 5 and (attempts.attempt_count - attempts.pass_count) * 2 > attempts.attempt_count, false) as is_struggling
from {{ ref('stg_quizzes') }} as quizzes
left join attempts on quizzes.quiz_id = attempts.quiz_id
where {{ touched('quizzes.quiz_id') }}
