select
    id as submission_id,
    project_id,
    student_id,
    status,
    score,
    submitted_at at time zone 'UTC' as submitted_at,
    reviewed_at at time zone 'UTC' as reviewed_at,
    created_at at time zone 'UTC' as created_at,
    updated_at at time zone 'UTC' as updated_at
from {{ source('raw', 'project_submissions') }}
