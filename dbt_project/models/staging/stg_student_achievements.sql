select
    student_id,
    achievement_id,
    unlocked_at at time zone 'UTC' as unlocked_at
from {{ source('raw', 'student_achievements') }}
