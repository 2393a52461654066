select
    id as project_id,
    creator_id,
    title,
    type as project_type,
    difficulty_level,
    created_at at time zone 'UTC' as created_at,
    updated_at at time zone 'UTC' as updated_at
from {{ source('raw', 'projects') }}
