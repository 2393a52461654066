with gains as (
    select
        gains.creator_id,
        gains.video_id,
        gains.student_id,
        (gains.observed_at at time zone zones.timezone)::date as activity_on,
        gains.watch_seconds > 0 or gains.completion_percentage > 0 as is_watched,
        case when gains.is_opening then 0 else gains.seconds_gained end as seconds_gained,
        gains.is_completed_now and not gains.is_opening as is_completed_now
    from {{ ref('stg_watch_gains') }} as gains
    inner join {{ ref('stg_creator_zones') }} as zones
        on gains.creator_id = zones.creator_id and gains.observed_at >= zones.valid_from and gains.observed_at < zones.valid_until
    {{ touched_days('gains.video_id', 'gains.observed_at', '(gains.observed_at at time zone zones.timezone)::date') }}
    where gains.observed_at <= {{ as_of() }}
)

select
    creator_id,
    video_id,
    activity_on,
    count(distinct student_id)::integer as view_count,
    bool_or(is_watched) as is_watched,
    sum(seconds_gained)::bigint as watch_seconds,
    count(*) filter (where is_completed_now)::integer as completion_count
from gains
group by creator_id, video_id, activity_on
