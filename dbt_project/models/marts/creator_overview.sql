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
        count(*) filter (where students.last_active_on > creators.today_on - 90) as active_90d_count,
        count(*) filter (where students.joined_on >= date_trunc('month', creators.today_on)::date) as new_month_count,
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
        sum(students.quiz_attempt_count) as quiz_attempt_count,
        sum(students.quiz_passed_count) as quiz_passed_count
    from creators
    inner join {{ ref('int_students_tiered') }} as students on creators.creator_id = students.creator_id
    group by students.creator_id
),

works as (
    select
        creator_id,
        sum(submitted_project_count) as submitted_project_count,
        sum(project_score_sum) as project_score_sum,
        sum(scored_submission_count) as scored_submission_count,
        sum(achievement_count) as achievement_count
    from {{ ref('int_student_work') }}
    where {{ touched('creator_id') }}
    group by creator_id
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
        sum(chats.positive_count + chats.negative_count) as rated_count,
        sum(chats.begun_chat_count) as begun_chat_count,
        sum(chats.begun_message_count) as begun_message_count
    from creators
    inner join {{ ref('int_chat_days') }} as chats on creators.creator_id = chats.creator_id and chats.activity_on > creators.today_on - 90
    group by creators.creator_id
),

courses as (
    select
        creator_id,
        sum(timed_count) as timed_count,
        sum(day_count_sum) as day_count_sum
    from {{ ref('int_course_totals') }}
    where {{ touched('creator_id') }}
    group by creator_id
),

windows as (
    select
        *,
        -- Of a day that began before the first run nobody knows all seconds and completions: means per student and trends leave it out.
        coalesce(first_whole_on, today_on + 1) as whole_from_on,
        coalesce(first_whole_on <= today_on - 59, false) as is_prior_whole
    from creators
),

days as (
    select
        windows.creator_id,
        {%- for length in (7, 30, 90) %}
            count(*) filter (where days.active_student_count > 0 and days.activity_on > windows.today_on - {{ length }}) as active_day_{{ length }}d_count,
            sum(days.active_student_count) filter (where days.activity_on > windows.today_on - {{ length }}) as student_day_{{ length }}d_count,
            sum(days.active_student_count)
            filter (where days.activity_on >= greatest(windows.today_on - {{ length - 1 }}, windows.whole_from_on)) as whole_student_day_{{ length }}d_count,
            sum(days.watch_seconds)
            filter (where days.activity_on >= greatest(windows.today_on - {{ length - 1 }}, windows.whole_from_on)) as whole_watch_{{ length }}d_seconds,
        {%- endfor %}
        sum(days.completion_count) filter (where days.activity_on > windows.today_on - 30) as completion_30d_count,
        sum(days.watch_seconds) filter (where days.activity_on > windows.today_on - 30) as watch_30d_seconds,
        sum(days.completion_count)
        filter (where windows.is_prior_whole and days.activity_on between windows.today_on - 59 and windows.today_on - 30) as completion_prior_30d_count,
        sum(days.watch_seconds)
        filter (where windows.is_prior_whole and days.activity_on between windows.today_on - 59 and windows.today_on - 30) as watch_prior_30d_seconds
    from windows
    inner join {{ ref('int_creator_days') }} as days on windows.creator_id = days.creator_id and days.activity_on > windows.today_on - 90
    group by windows.creator_id
),

hours as (
    select
        creators.creator_id,
        hours.hour_no,
        sum(hours.active_student_count) as student_hour_count,
        sum(sum(hours.active_student_count)) over (partition by creators.creator_id) as all_student_hour_count
    from creators
    inner join {{ ref('int_hour_days') }} as hours on creators.creator_id = hours.creator_id and hours.activity_on > creators.today_on - 30
    group by creators.creator_id, hours.hour_no
),

peaks as (
    select distinct on (creator_id) *
    from hours
    order by creator_id asc, student_hour_count desc, hour_no asc
)

select
    creators.creator_id,
    creators.company_name,
    creators.current_plan,
    creators.plan_expires_at,
    creators.timezone,
    creators.today_on,
    case
        when preferences.export_preferences ->> 'dateFormat' in ({{ date_formats() }}) then preferences.export_preferences ->> 'dateFormat'
    end as date_format,
    coalesce(preferences.export_preferences -> 'includeMetadata' = 'true', false) as has_metadata,
    coalesce(students.student_count, 0)::integer as student_count,
    coalesce(students.active_7d_count, 0)::integer as active_7d_count,
    coalesce(students.active_30d_count, 0)::integer as active_30d_count,
    coalesce(students.active_90d_count, 0)::integer as active_90d_count,
    {{ rate('students.active_7d_count', 'students.student_count') }} as active_7d_rate,
    {{ rate('students.active_30d_count', 'students.student_count') }} as active_30d_rate,
    {{ rate('students.active_90d_count', 'students.student_count') }} as active_90d_rate,
    {{ change('coalesce(students.active_30d_count, 0)', 'active_before.active_prior_30d_count') }} as active_30d_change,
    coalesce(students.new_month_count, 0)::integer as new_month_count,
    coalesce(students.new_30d_count, 0)::integer as new_30d_count,
    coalesce(students.new_prior_30d_count, 0)::integer as new_prior_30d_count,
    {{ change('students.new_30d_count', 'students.new_prior_30d_count') }} as new_30d_change,
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
    coalesce(days.completion_30d_count, 0)::bigint as completion_30d_count,
    {{ change('coalesce(days.completion_30d_count, 0)', 'days.completion_prior_30d_count') }} as completion_30d_change,
    coalesce(videos.watch_seconds, 0)::bigint as watch_seconds,
    coalesce(days.watch_30d_seconds, 0)::bigint as watch_30d_seconds,
    {{ change('coalesce(days.watch_30d_seconds, 0)', 'days.watch_prior_30d_seconds') }} as watch_30d_change,
    {{ rate('videos.completion_percentage_sum', 'videos.view_count * 100') }} as avg_completion_rate,
    {{ mean('courses.day_count_sum', 'courses.timed_count') }} as avg_course_day_count,
    {%- for length in (7, 30, 90) %}
        coalesce(days.active_day_{{ length }}d_count, 0)::integer as active_day_{{ length }}d_count,
        {{ mean('coalesce(days.student_day_' ~ length ~ 'd_count, 0)', length) }} as avg_daily_active_{{ length }}d,
        {{ mean('days.whole_watch_' ~ length ~ 'd_seconds', '60 * days.whole_student_day_' ~ length ~ 'd_count') }} as avg_active_minutes_{{ length }}d,
    {%- endfor %}
    peaks.hour_no as peak_hour_no,
    {{ rate('peaks.student_hour_count', 'peaks.all_student_hour_count') }} as peak_hour_rate,
    coalesce(quizzes.quiz_count, 0)::integer as quiz_count,
    coalesce(students.quiz_attempt_count, 0)::bigint as quiz_attempt_count,
    coalesce(students.quiz_passed_count, 0)::bigint as quiz_passed_count,
    coalesce(works.submitted_project_count, 0)::bigint as submitted_project_count,
    {{ mean('works.project_score_sum', 'works.scored_submission_count') }} as avg_project_score,
    {{ mean('coalesce(works.achievement_count, 0)', 'students.student_count') }} as avg_achievement_count,
    {{ rate('quizzes.quiz_pass_count', 'quizzes.scored_attempt_count') }} as quiz_pass_rate,
    {{ mean('quizzes.score_sum', 'quizzes.scored_attempt_count') }} as avg_quiz_score,
    coalesce(chats.question_count, 0)::bigint as question_count,
    coalesce(chats.answer_count, 0)::bigint as answer_count,
    {{ rate('chats.positive_count', 'chats.rated_count') }} as satisfaction_rate,
    {{ mean('chats.begun_message_count', 'chats.begun_chat_count') }} as avg_messages_per_chat
from creators
left join students on creators.creator_id = students.creator_id
left join works on creators.creator_id = works.creator_id
left join active_before on creators.creator_id = active_before.creator_id
left join videos on creators.creator_id = videos.creator_id
left join quizzes on creators.creator_id = quizzes.creator_id
left join chats on creators.creator_id = chats.creator_id
left join courses on creators.creator_id = courses.creator_id
left join days on creators.creator_id = days.creator_id
left join peaks on creators.creator_id = peaks.creator_id
left join {{ ref('stg_creator_preferences') }} as preferences on creators.creator_id = preferences.creator_id
