select
    id as creator_id,
    company_name,
    current_plan,
    plan_expires_at,
    created_at at time zone 'UTC' as created_at,
    updated_at at time zone 'UTC' as updated_at
from {{ source('raw', 'creators') }}
