with topics as (
    select
        creator_id,
        sum(video_count) as video_count,
        sum(student_video_count) as student_video_count
    from {{ ref('content_topics') }}
    where topic_kind = 'category' and {{ gate('content_topics', 'creator_id') }}
    group by creator_id
),

videos as (
    select
        creator_id,
        count(*) as video_count,
        sum(viewer_count) as student_video_count
    from {{ ref('video_analytics') }}
    where btrim(category, E' \t\r\n') <> '' and {{ gate('content_topics', 'creator_id') }}
    group by creator_id
)

select coalesce(topics.creator_id, videos.creator_id) as creator_id
from topics
full outer join videos on topics.creator_id = videos.creator_id
where
    topics.video_count is distinct from videos.video_count
    or topics.student_video_count is distinct from videos.student_video_count
