select
    creator_id,
    video_id,
    viewer_count,
    completion_count,
    high_engagement_count,
    low_engagement_count
from {{ ref('video_analytics') }}
where
    {{ gate('video_analytics', 'video_id') }}
    and (completion_count > viewer_count or high_engagement_count + low_engagement_count > viewer_count)
