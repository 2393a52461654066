with creators as (
    select * from {{ ref('stg_creators') }}
    where created_at <= {{ as_of() }}
),

preferences as (
    select * from {{ ref('stg_creator_preferences') }}
),

-- Not the names that mean something else on each machine, nor those that a browser or Python would not know.
known_zones as (
    select name
    from pg_catalog.pg_timezone_names
    where name not in ('localtime', 'posixrules', 'Factory') and name !~ '^(posix|right)/'
),

-- `->` and `->>` give null on a JSON value of another shape; a JSON null counts as not set.
wishes as (
    select
        creators.*,
        preferences.export_preferences ->> 'timezone' as wished_timezone,
        preferences.export_preferences ->> 'defaultFormat' as wished_format,
        coalesce(jsonb_typeof(preferences.export_preferences), 'null') not in ('object', 'null')
        or coalesce(jsonb_typeof(preferences.notification_settings), 'null') not in ('object', 'null')
        or coalesce(jsonb_typeof(preferences.notification_settings -> 'emailNotifications'), 'null') not in ('object', 'null')
            as has_bad_preferences_shape
    from creators
    left join preferences on creators.creator_id = preferences.creator_id
),

zoned as (
    select
        wishes.*,
        coalesce(known_zones.name, 'UTC') as timezone,
        wishes.wished_timezone is not null and known_zones.name is null as has_bad_timezone,
        coalesce(wishes.wished_format not in ('csv', 'json', 'xlsx'), false) as has_bad_export_format
    from wishes
    left join known_zones on wishes.wished_timezone = known_zones.name
)

select
    creator_id,
    company_name,
    current_plan,
    plan_expires_at,
    timezone,
    ({{ as_of() }} at time zone timezone)::date as today_on,
    has_bad_timezone,
    has_bad_export_format,
    has_bad_preferences_shape
from zoned
