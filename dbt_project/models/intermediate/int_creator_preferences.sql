{{ config(materialized='view') }}

with known_zones as (
    -- Not the names that mean something else on each machine, nor those that a browser or Python would not know.
    select name
    from pg_catalog.pg_timezone_names
    where name not in ('localtime', 'posixrules', 'Factory') and name !~ '^(posix|right)/'
)

-- `->` and `->>` give null on a JSON value of another shape; a JSON null counts as not set.
select
    preferences.creator_id,
    preferences.export_preferences ->> 'timezone' is not null and known_zones.name is null as has_bad_timezone,
    coalesce(preferences.export_preferences ->> 'defaultFormat' not in ('csv', 'json', 'xlsx'), false) as has_bad_export_format,
    coalesce(preferences.export_preferences ->> 'dateFormat' not in ({{ date_formats() }}), false) as has_bad_date_format,
    coalesce(jsonb_typeof(preferences.export_preferences), 'null') not in ('object', 'null')
    or coalesce(jsonb_typeof(preferences.notification_settings), 'null') not in ('object', 'null')
    or coalesce(jsonb_typeof(preferences.notification_settings -> 'emailNotifications'), 'null') not in ('object', 'null')
        as has_bad_preferences_shape
from {{ ref('stg_creator_preferences') }} as preferences
left join known_zones on preferences.export_preferences ->> 'timezone' = known_zones.name
