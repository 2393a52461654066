select
    id as student_id,
    creator_id,
    email,
    name,
    xp_points,
    level,
    streak_days,
    onboarding_completed as is_onboarding_completed,
    membership_status,
    last_active at time zone 'UTC' as last_active_at,
    created_at at time zone 'UTC' as joined_at,
    updated_at at time zone 'UTC' as updated_at
from {{ source('raw', 'students') }} as students
where
    not exists (
        select from {{ source('ledger', 'tombstones') }} as tombstones
        where tombstones.student_id = students.id
    )
