with creators as (
    select * from {{ ref('int_creators') }}
    where is_created and {{ touched('creator_id') }}
),

students as (
    select
        students.creator_id,
        count(*) as student_count,
        count(*) filter (where students.last_active_on > creators.today_on - 7) as active_7d_count,
        count(*) filter (where students.last_active_on > creators.today_on - 30) as active_30d_count,
        count(*) filter (where students.joined_on > creators.today_on - 30) as new_30d_count,
        count(*) filter (where students.joined_on between creators.today_on - 59 and creators.today_on - 30) as new_prior_30d_count,
        -- Active before the last 30 days but not since: then the newest activity lies in that window.
        count(*) filter (where students.last_active_on between creators.today_on - 59 and creators.today_on - 30) as churned_count,
        count(*) filter (where students.tier = 'inactive') as inactive_count,
        count(*) filter (where students.tier = 'at_risk') as at_risk_count,
        count(*) filter (where students.tier = 'low_engagement') as low_engagement_count,
        count(*) filter (where students.tier = 'highly_engaged') as highly_engaged_count,
        count(*) filter (where students.tier = 'engaged') as engaged_count,
        count(*) filter (where students.tier = 'moderate') as moderate_count,
        sum(students.quiz_attempt_count) as quiz_attempt_count
    from creators
    inner join {{ ref('int_students_tiered') }} as students on creators.creator_id = students.creator_id
    group by students.creator_id
),

active_before as (
    select * from {{ ref('int_active_before') }}
    where {{ touched('creator_id') }}
),

videos as (
    select
        creator_id,
        count(*) as video_count,
        count(*) filter (where is_transcript_processed) as processed_video_count,
        sum(duration_seconds) as total_duration_seconds,
        count(*) filter (where viewer_count > 0) as watched_video_count,
        sum(viewer_count) as view_count,
        sum(completion_count) as completion_count,
        sum(watch_seconds) as watch_seconds,
        sum(completion_percentage_sum) as completion_percentage_sum
    from {{ ref('int_video_progress') }}
    where {{ touched('creator_id') }}
    group by creator_id
),

quizzes as (
    select
        creator_id,
        count(*) filter (where created_at <= {{ as_of() }}) as quiz_count,
        sum(attempt_count) as scored_attempt_count,
        sum(pass_count) as quiz_pass_count,
        sum(score_sum) as score_sum
    from {{ ref('int_quiz_results') }}
    where {{ touched('creator_id') }}
    group by creator_id
),

chats as (
    select
        creators.creator_id,
        sum(chats.question_count) as question_count,
        sum(chats.answer_count) as answer_count,
        sum(chats.positive_count) as positive_count,
        sum(chats.positive_count + chats.negative_count) as rated_count
    from creators
    inner join {{ ref('int_chat_days') }} as chats on creators.creator_id = chats.creator_id and chats.activity_on > creators.today_on - 90
    group by creators.creator_id
)

select
    creators.creator_id,
    creators.company_name,
    creators.current_plan,
    creators.plan_expires_at,
    creators.timezone,
    creators.today_on,
    coalesce(students.student_count, 0)::integer as student_count,
    coalesce(students.active_7d_count, 0)::integer as active_7d_count,
    coalesce(students.active_30d_count, 0)::integer as active_30d_count,
    {{ rate('students.active_30d_count', 'students.student_count') }} as active_30d_rate,
    coalesce(students.new_30d_count, 0)::integer as new_30d_count,
    coalesce(students.new_prior_30d_count, 0)::integer as new_prior_30d_count,
    coalesce(active_before.active_prior_30d_count, 0)::integer as active_prior_30d_count,
    {{ rate('students.churned_count', 'active_before.active_prior_30d_count') }} as churn_30d_rate,
    coalesce(students.inactive_count, 0)::integer as inactive_count,
    coalesce(students.at_risk_count, 0)::integer as at_risk_count,
    coalesce(students.low_engagement_count, 0)::integer as low_engagement_count,
    coalesce(students.highly_engaged_count, 0)::integer as highly_engaged_count,
    coalesce(students.engaged_count, 0)::integer as engaged_count,
    coalesce(students.moderate_count, 0)::integer as moderate_count,
    coalesce(videos.video_count, 0)::integer as video_count,
    coalesce(videos.processed_video_count, 0)::integer as processed_video_count,
    coalesce(videos.total_duration_seconds, 0)::bigint as total_duration_seconds,
    coalesce(videos.watched_video_count, 0)::integer as watched_video_count,
    coalesce(videos.completion_count, 0)::bigint as completion_count,
    coalesce(videos.watch_seconds, 0)::bigint as watch_seconds,
    {{ rate('videos.completion_percentage_sum', 'videos.view_count * 100') }} as avg_completion_rate,
    coalesce(quizzes.quiz_count, 0)::integer as quiz_count,
    coalesce(students.quiz_attempt_count, 0)::bigint as quiz_attempt_count,
    {{ rate('quizzes.quiz_pass_count', 'quizzes.scored_attempt_count') }} as quiz_pass_rate,
    {{ mean('quizzes.score_sum', 'quizzes.scored_attempt_count') }} as avg_quiz_score,
    coalesce(chats.question_count, 0)::bigint as question_count,
    coalesce(chats.answer_count, 0)::bigint as answer_count,
    {{ rate('chats.positive_count', 'chats.rated_count') }} as satisfaction_rate
from creators
left join students on creators.creator_id = students.creator_id
left join active_before on creators.creator_id = active_before.creator_id
left join videos on creators.creator_id = videos.creator_id
left join quizzes on creators.creator_id = quizzes.creator_id
left join chats on creators.creator_id = chats.creator_id
