with watching as (
    select
        creator_id,
        student_id,
        activity_on,
        count(*) filter (where is_watched) as watched_video_count,
        max(last_watched_at) as last_watched_at
    from {{ ref('int_watch_days') }}
    group by creator_id, student_id, activity_on
),

acting as (
    select
        creator_id,
        student_id,
        activity_on,
        count(*) filter (where kind = 'quiz_attempt') as quiz_attempt_count,
        count(*) filter (where kind = 'quiz_attempt' and is_passed) as quiz_pass_count,
        count(*) filter (where kind = 'message') as message_count,
        count(*) filter (where kind = 'submission') as submission_count,
        max(occurred_at) as last_acted_at
    from {{ ref('int_activities') }}
    group by creator_id, student_id, activity_on
)

select
    coalesce(watching.creator_id, acting.creator_id) as creator_id,
    coalesce(watching.student_id, acting.student_id) as student_id,
    coalesce(watching.activity_on, acting.activity_on) as activity_on,
    watching.student_id is not null as is_watching,
    coalesce(watching.watched_video_count, 0)::integer as watched_video_count,
    coalesce(acting.quiz_attempt_count, 0)::integer as quiz_attempt_count,
    coalesce(acting.quiz_pass_count, 0)::integer as quiz_pass_count,
    coalesce(acting.message_count, 0)::integer as message_count,
    coalesce(acting.submission_count, 0)::integer as submission_count,
    greatest(watching.last_watched_at, acting.last_acted_at) as last_activity_at
from watching
full outer join acting on watching.student_id = acting.student_id and watching.activity_on = acting.activity_on
