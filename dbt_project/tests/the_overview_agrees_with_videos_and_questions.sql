with videos as (
    select
        creator_id,
        count(*) as video_count,
        count(*) filter (where viewer_count > 0) as watched_video_count,
        sum(completion_count) as completion_count
    from {{ ref('video_analytics') }}
    where {{ gate('creator_overview', 'creator_id') }}
    group by creator_id
),

questions as (
    select
        creator_id,
        sum(ask_count) as question_count
    from {{ ref('top_questions') }}
    where {{ gate('creator_overview', 'creator_id') }}
    group by creator_id
)

select
    overview.creator_id,
    overview.video_count,
    videos.video_count as videos_listed_count,
    overview.question_count,
    questions.question_count as questions_listed_count
from {{ ref('creator_overview') }} as overview
left join videos on overview.creator_id = videos.creator_id
left join questions on overview.creator_id = questions.creator_id
where
    {{ gate('creator_overview', 'overview.creator_id') }}
    and (
        overview.video_count <> coalesce(videos.video_count, 0)
        or overview.watched_video_count <> coalesce(videos.watched_video_count, 0)
        or overview.completion_count <> coalesce(videos.completion_count, 0)
        or overview.question_count <> coalesce(questions.question_count, 0)
    )
