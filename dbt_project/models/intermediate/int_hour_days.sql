select
    creator_id,
    activity_on,
    hour_no,
    count(*)::integer as active_student_count
from {{ ref('int_active_hours') }}
where {{ touched('creator_id', 'activity_on') }}
group by creator_id, activity_on, hour_no
