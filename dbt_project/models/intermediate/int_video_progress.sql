with videos as (
    select *
    from {{ ref('stg_videos') }}
    where created_at <= {{ as_of() }} and {{ touched('video_id') }}
),

viewers as (
    select
        totals.*,
        case when not totals.is_completed then ops.sixteenth(totals.last_position_seconds, videos.duration_seconds) end as unfinished_position,
        totals.best_completion_percentage / 5 as best_completion
    from {{ ref('int_watch_totals') }} as totals
    inner join videos on totals.video_id = videos.video_id
    where (totals.watch_seconds > 0 or totals.completion_percentage > 0) and {{ touched('totals.video_id') }}
),

-- Few rows per video, so that the histograms are made of sums.
grouped as (
    select
        video_id,
        unfinished_position,
        best_completion,
        count(*) as viewer_count,
        sum(completion_percentage) as completion_percentage_sum,
        sum(watch_seconds) as watch_seconds,
        count(*) filter (where is_completed) as completion_count,
        count(*) filter (where completion_percentage >= 75) as high_engagement_count,
        count(*) filter (where completion_percentage < 25) as low_engagement_count,
        coalesce(sum(completion_percentage) filter (where not is_completed), 0) as unfinished_completion_percentage_sum,
        max(observed_at) as last_viewed_at
    from viewers
    group by video_id, unfinished_position, best_completion
),

viewing as (
    select
        video_id,
        sum(viewer_count) as viewer_count,
        sum(completion_percentage_sum) as completion_percentage_sum,
        sum(watch_seconds) as watch_seconds,
        sum(completion_count) as completion_count,
        sum(high_engagement_count) as high_engagement_count,
        sum(low_engagement_count) as low_engagement_count,
        sum(unfinished_completion_percentage_sum) as unfinished_completion_percentage_sum,
        ops.histogram(viewer_count, unfinished_position, 16) as unfinished_position_counts,
        ops.histogram(viewer_count, best_completion, 20) as best_completion_counts,
        max(last_viewed_at) as last_viewed_at
    from grouped
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
    coalesce(viewing.unfinished_position_counts, array_fill(0, array[16])) as unfinished_position_counts,
    coalesce(viewing.best_completion_counts, array_fill(0, array[20])) as best_completion_counts,
    viewing.last_viewed_at
from videos
left join viewing on videos.video_id = viewing.video_id
