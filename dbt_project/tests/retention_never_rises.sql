with steps as (
    select
        videos.creator_id,
        videos.video_id,
        rates.step,
        rates.share_rate,
        lag(rates.share_rate) over (partition by videos.video_id order by rates.step) as rate_before
    from {{ ref('video_analytics') }} as videos
    cross join lateral unnest(videos.retention_rates) with ordinality as rates (share_rate, step)
    where {{ gate('video_analytics', 'videos.video_id') }}
)

select
    creator_id,
    video_id,
    step
from steps
where share_rate > rate_before
