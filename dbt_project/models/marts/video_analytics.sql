with videos as (
    select
        *,
        -- Whole numbers, so that 29.999% is under 30% whatever it rounds to.
        viewer_count >= 10 and completion_count * 100 < viewer_count * 30 as needs_attention
    from {{ ref('int_video_progress') }}
)

select
    creator_id,
    video_id,
    course_id,
    title,
    category,
    duration_seconds,
    viewer_count,
    {{ rate('completion_percentage_sum', 'viewer_count * 100') }} as avg_completion_rate,
    {{ mean('watch_seconds', 'viewer_count') }} as avg_watch_seconds,
    completion_count,
    {{ rate('completion_count', 'viewer_count') }} as completion_rate,
    high_engagement_count,
    low_engagement_count,
    {{ rate('unfinished_completion_percentage_sum', '(viewer_count - completion_count) * 100') }} as avg_drop_off_rate,
    drop_off_second,
    last_viewed_at,
    needs_attention,
    case
        when needs_attention then completion_count::text || ' of ' || viewer_count::text || ' viewers finished the video, under 30%'
    end as attention_reason
from videos
