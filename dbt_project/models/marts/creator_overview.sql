with creators as (
    select * from {{ ref('int_creators') }}
),

students as (
    select
        creator_id,
        count(*) as student_count,
        count(*) filter (where is_active_7d) as active_7d_count,
        count(*) filter (where is_active_30d) as active_30d_count,
        count(*) filter (where is_new_30d) as new_30d_count,
        count(*) filter (where is_new_prior_30d) as new_prior_30d_count,
        count(*) filter (where is_active_prior_30d) as active_prior_30d_count,
        count(*) filter (where is_active_prior_30d and not is_active_30d) as churned_count,
        count(*) filter (where tier = 'inactive') as inactive_count,
        count(*) filter (where tier = 'at_risk') as at_risk_count,
        count(*) filter (where tier = 'low_engagement') as low_engagement_count,
        count(*) filter (where tier = 'highly_engaged') as highly_engaged_count,
        count(*) filter (where tier = 'engaged') as engaged_count,
        count(*) filter (where tier = 'moderate') as moderate_count
    from {{ ref('int_students_tiered') }}
    group by creator_id
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
    group by creator_id
),

quizzes as (
    select
        creator_id,
        count(*) as quiz_count
    from {{ ref('stg_quizzes') }}
    where created_at <= {{ as_of() }}
    group by creator_id
),

attempts as (
    select
        creator_id,
        count(*) as quiz_attempt_count,
        count(*) filter (where is_passed) as quiz_pass_count,
        sum(score) as score_sum
    from {{ ref('int_activities') }}
    where kind = 'quiz_attempt'
    group by creator_id
),

questions as (
    select
        creator_id,
        count(*) filter (where is_question) as question_count,
        sum(answer_count) as answer_count,
        sum(positive_count) as positive_count,
        sum(positive_count + negative_count) as rated_count
    from {{ ref('int_messages_answered') }}
    group by creator_id
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
    coalesce(students.active_prior_30d_count, 0)::integer as active_prior_30d_count,
    {{ rate('students.churned_count', 'students.active_prior_30d_count') }} as churn_30d_rate,
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
    coalesce(attempts.quiz_attempt_count, 0)::bigint as quiz_attempt_count,
    {{ rate('attempts.quiz_pass_count', 'attempts.quiz_attempt_count') }} as quiz_pass_rate,
    {{ mean('attempts.score_sum', 'attempts.quiz_attempt_count') }} as avg_quiz_score,
    coalesce(questions.question_count, 0)::bigint as question_count,
    coalesce(questions.answer_count, 0)::bigint as answer_count,
    {{ rate('questions.positive_count', 'questions.rated_count') }} as satisfaction_rate
from creators
left join students on creators.creator_id = students.creator_id
left join videos on creators.creator_id = videos.creator_id
left join quizzes on creators.creator_id = quizzes.creator_id
left join attempts on creators.creator_id = attempts.creator_id
left join questions on creators.creator_id = questions.creator_id
