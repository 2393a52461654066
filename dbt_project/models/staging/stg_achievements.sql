select
    id as achievement_id,
    name,
    xp_value,
    rarity,
    created_at at time zone 'UTC' as created_at
from {{ source('raw', 'achievements') }}
