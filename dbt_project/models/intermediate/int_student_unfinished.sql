select
    student_id,
    min(observed_at) as oldest_unfinished_at
from {{ ref('int_watch_totals') }}
where not is_completed and completion_percentage between 5 and 90 and {{ touched('student_id') }}
group by student_id
