with by_video as (
    select
        creator_id,
        sum(viewer_count) as pair_count
    from {{ ref('video_analytics') }}
    group by creator_id
),

by_student as (
    select
        creator_id,
        sum(videos_watched_count) as pair_count
    from {{ ref('student_engagement_tiers') }}
    group by creator_id
)

select
    coalesce(by_video.creator_id, by_student.creator_id) as creator_id,
    by_video.pair_count as by_video_count,
    by_student.pair_count as by_student_count
from by_video
full outer join by_student on by_video.creator_id = by_student.creator_id
where coalesce(by_video.pair_count, 0) <> coalesce(by_student.pair_count, 0)
