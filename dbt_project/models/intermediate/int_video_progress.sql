with videos as (
    select *
    from {{ ref('stg_videos') }}
    where created_at <= {{ as_of() }} and {{ touched('video_id') }}
),

viewing as (
    select
        video_id,
        count(*) as viewer_count,
        sum(completion_percentage) as completion_percentage_sum,
        sum(watch_seconds) as watch_seconds,
        count(*) filter (where is_completed) as completion_count,
        count(*) filter (where completion_percentage >= 75) as high_engagement_count,
        count(*) filter (where completion_percentage < 25) as low_engagement_count,
        coalesce(sum(completion_percentage) filter (where not is_completed), 0) as unfinished_completion_percentage_sum,
        percentile_cont(0.5) within group (order by last_position_seconds) filter (where not is_completed) as drop_off_second,
        max(observed_at) as last_viewed_at
    from {{ ref('int_watch_totals') }}
    where (watch_seconds > 0 or completion_percentage > 0) and {{ touched('video_id') }}
    group by video_id
)

select
    videos.creator_id,
    videos.video_id,
    videos.course_id,
    videos.title,
    videos.category,
    videos.duration_seconds,
    videos.is_transcript_processed,
    coalesce(viewing.viewer_count, 0)::integer as viewer_count,
    coalesce(viewing.completion_percentage_sum, 0)::bigint as completion_percentage_sum,
    coalesce(viewing.watch_seconds, 0)::bigint as watch_seconds,
    coalesce(viewing.completion_count, 0)::integer as completion_count,
    coalesce(viewing.high_engagement_count, 0)::integer as high_engagement_count,
    coalesce(viewing.low_engagement_count, 0)::integer as low_engagement_count,
    coalesce(viewing.unfinished_completion_percentage_sum, 0)::bigint as unfinished_completion_percentage_sum,
    -- The middle of two whole seconds is whole or a half: exact in floating point too.
    viewing.drop_off_second::numeric(12, 2) as drop_off_second,
    viewing.last_viewed_at
from videos
left join viewing on videos.video_id = viewing.video_id
