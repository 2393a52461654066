select
    courses.creator_id,
    courses.course_id,
    count(*)::integer as video_count
from {{ ref('stg_courses') }} as courses
inner join {{ ref('stg_videos') }} as videos on courses.course_id = videos.course_id and courses.creator_id = videos.creator_id
where courses.created_at <= {{ as_of() }} and videos.created_at <= {{ as_of() }} and {{ touched('courses.course_id') }}
group by courses.creator_id, courses.course_id
