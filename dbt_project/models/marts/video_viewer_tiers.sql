select
    places.creator_id,
    places.video_id,
    students.tier,
    count(*)::integer as viewer_count
from {{ ref('int_watch_totals') }} as places
inner join {{ ref('int_students_tiered') }} as students on places.student_id = students.student_id
where (places.watch_seconds > 0 or places.completion_percentage > 0) and {{ touched('places.creator_id') }}
group by places.creator_id, places.video_id, students.tier
