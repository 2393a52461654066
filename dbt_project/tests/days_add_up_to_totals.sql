with by_day as (
    select
        creator_id,
        sum(new_student_count) as new_student_count,
        sum(quiz_attempt_count) as quiz_attempt_count,
        sum(message_count) as message_count,
        sum(watch_seconds) as watch_seconds,
        sum(completion_count) as completion_count
    from {{ ref('daily_activity') }}
    group by creator_id
),

by_student_day as (
    select
        creator_id,
        count(*) filter (where is_joined) as new_student_count,
        sum(quiz_attempt_count) as quiz_attempt_count,
        sum(message_count) as message_count
    from {{ ref('int_student_days') }}
    group by creator_id
),

by_watch_day as (
    select
        creator_id,
        sum(watch_seconds) as watch_seconds,
        sum(completion_count) as completion_count
    from {{ ref('int_watch_days') }}
    group by creator_id
),

by_video_day as (
    select
        creator_id,
        sum(watch_seconds) as watch_seconds,
        sum(completion_count) as completion_count
    from {{ ref('int_video_days') }}
    group by creator_id
)

select creators.creator_id
from {{ ref('int_creators') }} as creators
left join by_day on creators.creator_id = by_day.creator_id
left join by_student_day on creators.creator_id = by_student_day.creator_id
left join by_watch_day on creators.creator_id = by_watch_day.creator_id
left join by_video_day on creators.creator_id = by_video_day.creator_id
where
    coalesce(by_day.new_student_count, 0) <> coalesce(by_student_day.new_student_count, 0)
    or coalesce(by_day.quiz_attempt_count, 0) <> coalesce(by_student_day.quiz_attempt_count, 0)
    or coalesce(by_day.message_count, 0) <> coalesce(by_student_day.message_count, 0)
    or coalesce(by_day.watch_seconds, 0) <> coalesce(by_watch_day.watch_seconds, 0)
    or coalesce(by_day.completion_count, 0) <> coalesce(by_watch_day.completion_count, 0)
    or coalesce(by_day.watch_seconds, 0) <> coalesce(by_video_day.watch_seconds, 0)
    or coalesce(by_day.completion_count, 0) <> coalesce(by_video_day.completion_count, 0)
