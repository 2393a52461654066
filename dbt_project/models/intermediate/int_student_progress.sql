with totals as (
    select *
    from {{ ref('int_watch_totals') }}
    where (watch_seconds > 0 or completion_percentage > 0) and {{ touched('student_id') }}
),

by_course as (
    select
        student_id,
        course_id,
        count(*) as videos_watched_count,
        sum(completion_percentage) as completion_percentage_sum,
        sum(watch_seconds) as watch_seconds,
        count(*) filter (where is_completed) as completed_video_count
    from totals
    group by student_id, course_id
),

-- Once each, however few rows the planner expects: before a first run is over it knows little of what was just booked.
courses as materialized (
    select
        courses.course_id,
        count(*) as video_count
    from {{ ref('stg_courses') }} as courses
    inner join {{ ref('stg_videos') }} as videos on courses.course_id = videos.course_id and courses.creator_id = videos.creator_id
    where courses.is_active and courses.created_at <= {{ as_of() }} and videos.created_at <= {{ as_of() }}
    group by courses.course_id
),

-- Few of them: so the courses are looked up by few rows.
completed as materialized (
    select distinct by_course.student_id
    from by_course
    inner join courses on by_course.course_id = courses.course_id and by_course.completed_video_count = courses.video_count
)

select
    by_course.student_id,
    sum(by_course.videos_watched_count)::integer as videos_watched_count,
    sum(by_course.completion_percentage_sum)::bigint as completion_percentage_sum,
    sum(by_course.watch_seconds)::bigint as watch_seconds,
    sum(by_course.completed_video_count)::integer as completed_video_count,
    bool_or(completed.student_id is not null) as has_completed_course
from by_course
left join completed on by_course.student_id = completed.student_id
group by by_course.student_id
