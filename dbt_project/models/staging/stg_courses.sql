select
    id as course_id,
    creator_id,
    title,
    is_active,
    order_index,
    created_at,
    updated_at
from {{ source('raw', 'courses') }}
