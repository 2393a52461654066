with students as (
    select
        creator_id,
        count(*) as student_count,
        count(*) filter (where tier = 'inactive') as inactive_count,
        count(*) filter (where tier = 'at_risk') as at_risk_count,
        count(*) filter (where tier = 'highly_engaged') as highly_engaged_count,
        sum(watch_seconds) as watch_seconds,
        sum(quiz_attempt_count) as quiz_attempt_count
    from {{ ref('student_engagement_tiers') }}
    where {{ gate('creator_overview', 'creator_id') }}
    group by creator_id
),

videos as (
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
    overview.student_count,
    students.student_count as students_listed_count,
    overview.video_count,
    videos.video_count as videos_listed_count,
    overview.question_count,
    questions.question_count as questions_listed_count
from {{ ref('creator_overview') }} as overview
left join students on overview.creator_id = students.creator_id
left join videos on overview.creator_id = videos.creator_id
left join questions on overview.creator_id = questions.creator_id
where
    {{ gate('creator_overview', 'overview.creator_id') }}
    and (
        overview.student_count <> coalesce(students.student_count, 0)
        or overview.inactive_count <> coalesce(students.inactive_count, 0)
        or overview.at_risk_count <> coalesce(students.at_risk_count, 0)
        or overview.highly_engaged_count <> coalesce(students.highly_engaged_count, 0)
        or overview.watch_seconds <> coalesce(students.watch_seconds, 0)
        or overview.video_count <> coalesce(videos.video_count, 0)
        or overview.watched_video_count <> coalesce(videos.watched_video_count, 0)
        or overview.completion_count <> coalesce(videos.completion_count, 0)
        or overview.question_count <> coalesce(questions.question_count, 0)
        or overview.quiz_attempt_count <> coalesce(students.quiz_attempt_count, 0)
    )
