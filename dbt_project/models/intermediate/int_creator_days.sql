with seen as (
    select
        creator_id,
        activity_on,
        student_id,
        true as is_active,
        true as is_watching,
        false as is_joined,
        watch_seconds,
        completion_count,
        0 as quiz_attempt_count,
        0 as message_count,
        0 as submission_count
    from {{ ref('int_watch_days') }}
    where {{ touched('creator_id', 'activity_on') }}
    union all
    select
        creator_id,
        activity_on,
        student_id,
        last_activity_at is not null as is_active,
        false as is_watching,
        is_joined,
        0 as watch_seconds,
        0 as completion_count,
        quiz_attempt_count,
        message_count,
        submission_count
    from {{ ref('int_student_days') }}
    where {{ touched('creator_id', 'activity_on') }}
),

active as (
    select
        creator_id,
        activity_on,
        count(distinct student_id) filter (where is_active) as active_student_count,
        count(*) filter (where is_watching) as watching_student_count,
        count(*) filter (where quiz_attempt_count > 0) as quizzing_student_count,
        count(*) filter (where message_count > 0) as chatting_student_count,
        count(*) filter (where submission_count > 0) as submitting_student_count,
        count(*) filter (where is_joined) as new_student_count,
        sum(watch_seconds) as watch_seconds,
        sum(completion_count) as completion_count,
        sum(quiz_attempt_count) as quiz_attempt_count,
        sum(message_count) as message_count
    from seen
    group by creator_id, activity_on
),

watched as (
    select
        creator_id,
        activity_on,
        count(*) as videos_watched_count
    from {{ ref('int_video_days') }}
    where is_watched and {{ touched('creator_id', 'activity_on') }}
    group by creator_id, activity_on
)

select
    active.creator_id,
    active.activity_on,
    active.active_student_count::integer as active_student_count,
    active.watching_student_count::integer as watching_student_count,
    active.quizzing_student_count::integer as quizzing_student_count,
    active.chatting_student_count::integer as chatting_student_count,
    active.submitting_student_count::integer as submitting_student_count,
    coalesce(watched.videos_watched_count, 0)::integer as videos_watched_count,
    active.watch_seconds::bigint as watch_seconds,
    active.completion_count::integer as completion_count,
    active.quiz_attempt_count::integer as quiz_attempt_count,
    active.message_count::integer as message_count,
    active.new_student_count::integer as new_student_count
from active
left join watched on active.creator_id = watched.creator_id and active.activity_on = watched.activity_on
