select
    student_id,
    video_id,
    min(observed_at) filter (where is_first_view) as first_viewed_at,
    min(observed_at) filter (where is_completed_now) as completed_at,
    bool_or(is_opening) as is_opening
from {{ ref('stg_watch_gains') }}
where (is_first_view or is_completed_now) and observed_at <= {{ as_of() }} and {{ touched('student_id') }}
group by student_id, video_id
