select
    creator_id,
    notification_settings,
    export_preferences,
    dashboard_layout,
    updated_at
from {{ source('raw', 'creator_preferences') }}
