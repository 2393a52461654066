with videos as (
    select * from {{ ref('int_course_videos') }}
    where {{ touched('course_id') }}
),

progress as (
    select
        videos.course_id,
        count(*) as started_count,
        count(*) filter (where students.completed_video_count = videos.video_count) as completed_count,
        sum(students.completion_percentage_sum) as completion_percentage_sum,
        count(students.day_count) filter (where students.completed_video_count = videos.video_count) as timed_count,
        sum(students.day_count) filter (where students.completed_video_count = videos.video_count) as day_count_sum,
        percentile_cont(0.5) within group (order by students.day_count)
        filter (where students.completed_video_count = videos.video_count) as median_day_count
    from videos
    inner join {{ ref('int_student_courses') }} as students on videos.course_id = students.course_id
    group by videos.course_id
)

select
    videos.creator_id,
    videos.course_id,
    videos.video_count,
    coalesce(progress.started_count, 0)::integer as started_count,
    coalesce(progress.completed_count, 0)::integer as completed_count,
    coalesce(progress.completion_percentage_sum, 0)::bigint as completion_percentage_sum,
    coalesce(progress.timed_count, 0)::integer as timed_count,
    coalesce(progress.day_count_sum, 0)::bigint as day_count_sum,
    -- The middle of two whole numbers is whole or a half: exact in floating point too.
    progress.median_day_count::numeric(12, 2) as median_day_count
from videos
left join progress on videos.course_id = progress.course_id
