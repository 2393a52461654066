with creators as (
    select * from {{ ref('int_creators') }}
    where is_created and {{ touched('creator_id') }}
),

first_days as (
    select
        creators.creator_id,
        first_day.activity_on as first_on
    from creators
    cross join
        lateral (
            select min(days.activity_on) as activity_on
            from {{ ref('int_creator_days') }} as days
            where days.creator_id = creators.creator_id
        ) as first_day
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
    coalesce(days.active_student_count, 0) as active_student_count,
    coalesce(days.watching_student_count, 0) as watching_student_count,
    coalesce(days.quizzing_student_count, 0) as quizzing_student_count,
    coalesce(days.chatting_student_count, 0) as chatting_student_count,
    coalesce(days.submitting_student_count, 0) as submitting_student_count,
    coalesce(days.videos_watched_count, 0) as videos_watched_count,
    coalesce(days.watch_seconds, 0) as watch_seconds,
    coalesce(days.completion_count, 0) as completion_count,
    coalesce(days.quiz_attempt_count, 0) as quiz_attempt_count,
    coalesce(days.message_count, 0) as message_count,
    coalesce(days.new_student_count, 0) as new_student_count
from calendar
left join {{ ref('int_creator_days') }} as days on calendar.creator_id = days.creator_id and calendar.activity_on = days.activity_on
where {{ touched('calendar.creator_id', 'calendar.activity_on') }}
