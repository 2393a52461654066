with courses as (
    select * from {{ ref('stg_courses') }}
    where created_at <= {{ as_of() }} and {{ touched('course_id') }}
),

students as (
    select
        creator_id,
        count(*) as student_count
    from {{ ref('int_students_tiered') }}
    where creator_id in (select courses.creator_id from courses)
    group by creator_id
)

select
    courses.creator_id,
    courses.course_id,
    courses.title,
    courses.is_active,
    coalesce(progress.video_count, 0) as video_count,
    coalesce(students.student_count, 0)::integer as student_count,
    coalesce(progress.started_count, 0) as started_count,
    coalesce(progress.completed_count, 0) as completed_count,
    {{ rate('progress.completion_percentage_sum', 'progress.started_count::bigint * progress.video_count * 100') }} as avg_progress_rate,
    {{ rate('progress.completed_count', 'progress.started_count') }} as completion_rate,
    progress.median_day_count
from courses
left join students on courses.creator_id = students.creator_id
left join {{ ref('int_course_totals') }} as progress on courses.course_id = progress.course_id
