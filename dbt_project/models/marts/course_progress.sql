with courses as (
    select * from {{ ref('stg_courses') }}
    where created_at <= {{ as_of() }} and {{ touched('course_id') }}
),

videos as (
    select
        courses.course_id,
        count(*) as video_count
    from courses
    inner join {{ ref('stg_videos') }} as videos on courses.course_id = videos.course_id and courses.creator_id = videos.creator_id
    where videos.created_at <= {{ as_of() }}
    group by courses.course_id
),

students as (
    select
        creator_id,
        count(*) as student_count
    from {{ ref('int_students_tiered') }}
    where creator_id in (select courses.creator_id from courses)
    group by creator_id
),

progress as (
    select
        videos.course_id,
        count(*) as started_count,
        count(*) filter (where students.completed_video_count = videos.video_count) as completed_count,
        sum(students.completion_percentage_sum) as completion_percentage_sum,
        percentile_cont(0.5) within group (order by students.day_count)
        filter (where students.completed_video_count = videos.video_count) as median_day_count
    from videos
    inner join {{ ref('int_student_courses') }} as students on videos.course_id = students.course_id
    group by videos.course_id
)

select
    courses.creator_id,
    courses.course_id,
    courses.title,
    courses.is_active,
    coalesce(videos.video_count, 0)::integer as video_count,
    coalesce(students.student_count, 0)::integer as student_count,
    coalesce(progress.started_count, 0)::integer as started_count,
    coalesce(progress.completed_count, 0)::integer as completed_count,
    {{ rate('progress.completion_percentage_sum', 'progress.started_count * videos.video_count * 100') }} as avg_progress_rate,
    {{ rate('progress.completed_count', 'progress.started_count') }} as completion_rate,
    -- The middle of two whole numbers is whole or a half: exact in floating point too.
    progress.median_day_count::numeric(12, 2) as median_day_count
from courses
left join videos on courses.course_id = videos.course_id
left join students on courses.creator_id = students.creator_id
left join progress on courses.course_id = progress.course_id
