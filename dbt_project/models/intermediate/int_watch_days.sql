select
    gains.creator_id,
    gains.student_id,
    (gains.observed_at at time zone zones.timezone)::date as activity_on,
    (count(distinct gains.video_id) filter (where gains.watch_seconds > 0 or gains.completion_percentage > 0))::integer as watched_video_count,
    coalesce(sum(gains.seconds_gained) filter (where not gains.is_opening), 0)::bigint as watch_seconds,
    (count(*) filter (where gains.is_completed_now and not gains.is_opening))::integer as completion_count,
    max(gains.observed_at) as last_watched_at,
    bit_or(1 << extract(hour from gains.observed_at at time zone zones.timezone)::integer) as watched_hours
from {{ ref('stg_watch_gains') }} as gains
inner join {{ ref('stg_creator_zones') }} as zones
    on gains.creator_id = zones.creator_id and gains.observed_at >= zones.valid_from and gains.observed_at < zones.valid_until
{{ touched_days('gains.student_id', 'gains.observed_at', '(gains.observed_at at time zone zones.timezone)::date') }}
where gains.observed_at <= {{ as_of() }}
group by gains.creator_id, gains.student_id, (gains.observed_at at time zone zones.timezone)::date
