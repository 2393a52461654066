select
    creator_id,
    has_bad_timezone,
    has_bad_export_format,
    has_bad_date_format,
    has_bad_preferences_shape
from {{ ref('int_creator_preferences') }}
where has_bad_timezone or has_bad_export_format or has_bad_date_format or has_bad_preferences_shape
