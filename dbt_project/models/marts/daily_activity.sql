with creators as (
    select * from {{ ref('int_creators') }}
),

active as (
    select
        creator_id,
        activity_on,
        count(*) as active_student_count,
        count(*) filter (where is_watching) as watching_student_count,
        count(*) filter (where quiz_attempt_count > 0) as quizzing_student_count,
        count(*) filter (where message_count > 0) as chatting_student_count,
        count(*) filter (where submission_count > 0) as submitting_student_count,
        sum(quiz_attempt_count) as quiz_attempt_count,
        sum(message_count) as message_count
    from {{ ref('int_student_days') }}
    group by creator_id, activity_on
),

videos_by_day as (
    select distinct
        creator_id,
        activity_on,
        video_id
    from {{ ref('int_watch_days') }}
    where is_watched
),

watched as (
    select
        creator_id,
        activity_on,
        count(*) as videos_watched_count
    from videos_by_day
    group by creator_id, activity_on
),

joined as (
    select
        creator_id,
        joined_on as activity_on,
        count(*) as new_student_count
    from {{ ref('int_students_tiered') }}
    group by creator_id, joined_on
),

known_days as (
    select
        creator_id,
        activity_on
    from active
    union all
    select
        creator_id,
        activity_on
    from joined
),

first_days as (
    select
        creator_id,
        min(activity_on) as first_on
    from known_days
    group by creator_id
),

calendar as (
    select
        creators.creator_id,
        first_days.first_on + day_no.value as activity_on
    from creators
    inner join first_days on creators.creator_id = first_days.creator_id
    cross join lateral generate_series(0, creators.today_on - first_days.first_on) as day_no (value)
)

select
    calendar.creator_id,
    calendar.activity_on,
    coalesce(active.active_student_count, 0)::integer as active_student_count,
    coalesce(active.watching_student_count, 0)::integer as watching_student_count,
    coalesce(active.quizzing_student_count, 0)::integer as quizzing_student_count,
    coalesce(active.chatting_student_count, 0)::integer as chatting_student_count,
    coalesce(active.submitting_student_count, 0)::integer as submitting_student_count,
    coalesce(watched.videos_watched_count, 0)::integer as videos_watched_count,
    coalesce(active.quiz_attempt_count, 0)::integer as quiz_attempt_count,
    coalesce(active.message_count, 0)::integer as message_count,
    coalesce(joined.new_student_count, 0)::integer as new_student_count
from calendar
left join active on calendar.creator_id = active.creator_id and calendar.activity_on = active.activity_on
left join watched on calendar.creator_id = watched.creator_id and calendar.activity_on = watched.activity_on
left join joined on calendar.creator_id = joined.creator_id and calendar.activity_on = joined.activity_on
