with by_day as (
    select
        creator_id,
        sum(new_student_count) as student_count,
        sum(quiz_attempt_count) as quiz_attempt_count,
        sum(message_count) as message_count
    from {{ ref('daily_activity') }}
    group by creator_id
),

by_student as (
    select
        creator_id,
        sum(quiz_attempt_count) as quiz_attempt_count,
        sum(message_count) as message_count
    from {{ ref('student_engagement_tiers') }}
    group by creator_id
)

select
    overview.creator_id,
    overview.student_count,
    by_day.student_count as new_student_count,
    overview.quiz_attempt_count,
    by_day.quiz_attempt_count as quiz_attempts_by_day_count,
    by_student.quiz_attempt_count as quiz_attempts_by_student_count,
    by_day.message_count as messages_by_day_count,
    by_student.message_count as messages_by_student_count
from {{ ref('creator_overview') }} as overview
left join by_day on overview.creator_id = by_day.creator_id
left join by_student on overview.creator_id = by_student.creator_id
where
    coalesce(by_day.student_count, 0) <> overview.student_count
    or coalesce(by_day.quiz_attempt_count, 0) <> overview.quiz_attempt_count
    or coalesce(by_student.quiz_attempt_count, 0) <> overview.quiz_attempt_count
    or coalesce(by_day.message_count, 0) <> coalesce(by_student.message_count, 0)
