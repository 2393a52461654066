with progress as (
    select * from {{ ref('stg_video_progress') }}
    where created_at <= {{ as_of() }}
),

students as (
    select * from {{ ref('stg_students') }}
    where joined_at <= {{ as_of() }}
),

videos as (
    select * from {{ ref('stg_videos') }}
    where created_at <= {{ as_of() }}
),

creators as (
    select * from {{ ref('int_creators') }}
),

owned as (
    select
        creators.creator_id,
        creators.timezone,
        progress.student_id,
        progress.video_id,
        videos.course_id,
        progress.last_position_seconds,
        progress.watch_seconds,
        progress.completion_percentage,
        progress.is_completed,
        progress.watch_seconds > 0 or progress.completion_percentage > 0 as is_watched,
        case when progress.updated_at <= {{ as_of() }} then progress.updated_at else progress.created_at end as seen_at
    from progress
    inner join students on progress.student_id = students.student_id
    inner join videos on progress.video_id = videos.video_id and students.creator_id = videos.creator_id
    inner join creators on students.creator_id = creators.creator_id
)

select
    creator_id,
    student_id,
    video_id,
    course_id,
    last_position_seconds,
    watch_seconds,
    completion_percentage,
    is_completed,
    is_watched,
    seen_at,
    (seen_at at time zone timezone)::date as seen_on
from owned
