with creators as (
    select * from {{ ref('int_creators') }}
    where is_created and {{ touched('creator_id') }}
),

seen as (
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
),

first_days as (
    select
        creators.creator_id,
        least(acting.activity_on, watching.activity_on) as first_on
    from creators
    cross join
        lateral (
            select min(days.activity_on) as activity_on
            from {{ ref('int_student_days') }} as days
            where days.creator_id = creators.creator_id
        ) as acting
    cross join lateral (
        select min(days.activity_on) as activity_on
        from {{ ref('int_watch_days') }} as days
        where days.creator_id = creators.creator_id
    ) as watching
),

calendar as (
    select
        creators.creator_id,
        first_days.first_on + day_no.value as activity_on,
        creators.first_whole_on
    from creators
    inner join first_days on creators.creator_id = first_days.creator_id
    cross join lateral generate_series(0, creators.today_on - first_days.first_on) as day_no (value)
)

select
    calendar.creator_id,
    calendar.activity_on,
    coalesce(calendar.activity_on < calendar.first_whole_on, false) as is_partial,
    coalesce(active.active_student_count, 0)::integer as active_student_count,
    coalesce(active.watching_student_count, 0)::integer as watching_student_count,
    coalesce(active.quizzing_student_count, 0)::integer as quizzing_student_count,
    coalesce(active.chatting_student_count, 0)::integer as chatting_student_count,
    coalesce(active.submitting_student_count, 0)::integer as submitting_student_count,
    coalesce(watched.videos_watched_count, 0)::integer as videos_watched_count,
    coalesce(active.watch_seconds, 0)::bigint as watch_seconds,
    coalesce(active.completion_count, 0)::integer as completion_count,
    coalesce(active.quiz_attempt_count, 0)::integer as quiz_attempt_count,
    coalesce(active.message_count, 0)::integer as message_count,
    coalesce(active.new_student_count, 0)::integer as new_student_count
from calendar
left join active on calendar.creator_id = active.creator_id and calendar.activity_on = active.activity_on
left join watched on calendar.creator_id = watched.creator_id and calendar.activity_on = watched.activity_on
where {{ touched('calendar.creator_id', 'calendar.activity_on') }}
