select
    places.creator_id,
    places.student_id,
    students.name as student_name,
    students.email as student_email,
    places.video_id,
    videos.title as video_title,
    places.course_id,
    courses.title as course_title,
    places.watch_seconds,
    {{ rate('places.completion_percentage', '100') }} as completion_rate,
    places.is_completed,
    places.last_position_seconds,
    places.observed_at as last_watched_at
from {{ ref('int_watch_totals') }} as places
inner join {{ ref('stg_students') }} as students on places.student_id = students.student_id
inner join {{ ref('stg_videos') }} as videos on places.video_id = videos.video_id
left join {{ ref('stg_courses') }} as courses on places.course_id = courses.course_id
where (places.watch_seconds > 0 or places.completion_percentage > 0) and {{ touched('places.student_id') }}
