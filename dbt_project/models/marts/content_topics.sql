with videos as (
    select *
    from {{ ref('int_video_progress') }}
    where {{ touched('creator_id') }}
),

-- A tag that stands twice on a video is one tag. The first 200 characters are enough to tell topics apart, and fit into a key.
topics as (
    select
        video_id,
        'category' as topic_kind,
        left(btrim(category, E' \t\r\n'), 200) as topic
    from videos
    union
    select
        videos.video_id,
        'tag' as topic_kind,
        left(btrim(tag.name, E' \t\r\n'), 200) as topic
    from videos
    inner join {{ ref('stg_videos') }} as tagged on videos.video_id = tagged.video_id
    cross join unnest(tagged.tags) as tag (name)
)

select
    videos.creator_id,
    topics.topic_kind,
    topics.topic,
    count(*)::integer as video_count,
    sum(videos.viewer_count)::bigint as student_video_count,
    {{ rate('sum(videos.completion_percentage_sum)', 'sum(videos.viewer_count) * 100') }} as avg_completion_rate
from videos
inner join topics on videos.video_id = topics.video_id
where topics.topic <> ''
group by videos.creator_id, topics.topic_kind, topics.topic
