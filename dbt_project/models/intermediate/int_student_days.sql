with zones as (
    select * from {{ ref('stg_creator_zones') }}
),

gains as (
    select
        gains.creator_id,
        gains.student_id,
        gains.video_id,
        (gains.observed_at at time zone zones.timezone)::date as activity_on,
        gains.watch_seconds > 0 or gains.completion_percentage > 0 as is_watched,
        case when gains.is_opening then 0 else gains.seconds_gained end as seconds_gained,
        gains.is_completed_now and not gains.is_opening as is_completed_now,
        gains.observed_at
    from {{ ref('stg_watch_gains') }} as gains
    inner join zones on gains.creator_id = zones.creator_id and gains.observed_at >= zones.valid_from and gains.observed_at < zones.valid_until
    {{ touched_days('gains.student_id', 'gains.observed_at', '(gains.observed_at at time zone zones.timezone)::date') }}
    where gains.observed_at <= {{ as_of() }}
),

watching as (
    select
        creator_id,
        student_id,
        activity_on,
        count(distinct video_id) filter (where is_watched) as watched_video_count,
        sum(seconds_gained) as watch_seconds,
        count(*) filter (where is_completed_now) as completion_count,
        max(observed_at) as last_activity_at
    from gains
    group by creator_id, student_id, activity_on
),

events as (
    select
        quizzes.creator_id,
        attempts.student_id,
        attempts.completed_at as happened_at,
        'attempt' as kind,
        attempts.is_passed
    from {{ ref('stg_quiz_attempts') }} as attempts
    inner join {{ ref('stg_quizzes') }} as quizzes on attempts.quiz_id = quizzes.quiz_id
    inner join {{ ref('stg_students') }} as students on attempts.student_id = students.student_id and quizzes.creator_id = students.creator_id
    where attempts.completed_at <= {{ as_of() }} and {{ touched('attempts.student_id') }}
    union all
    select
        sessions.creator_id,
        sessions.student_id,
        messages.sent_at as happened_at,
        'message' as kind,
        null as is_passed
    from {{ ref('stg_chat_sessions') }} as sessions
    inner join {{ ref('stg_chat_messages') }} as messages on sessions.session_id = messages.session_id
    inner join {{ ref('stg_students') }} as students on sessions.student_id = students.student_id and sessions.creator_id = students.creator_id
    where messages.role = 'user' and messages.sent_at <= {{ as_of() }} and {{ touched('sessions.student_id') }}
    union all
    select
        projects.creator_id,
        submissions.student_id,
        submissions.submitted_at as happened_at,
        'submission' as kind,
        null as is_passed
    from {{ ref('stg_project_submissions') }} as submissions
    inner join {{ ref('stg_projects') }} as projects on submissions.project_id = projects.project_id
    inner join {{ ref('stg_students') }} as students on submissions.student_id = students.student_id and projects.creator_id = students.creator_id
    where submissions.submitted_at <= {{ as_of() }} and {{ touched('submissions.student_id') }}
    union all
    select
        creator_id,
        student_id,
        joined_at as happened_at,
        'join' as kind,
        null as is_passed
    from {{ ref('stg_students') }}
    where joined_at <= {{ as_of() }} and {{ touched('student_id') }}
),

acting as (
    select
        events.creator_id,
        events.student_id,
        (events.happened_at at time zone zones.timezone)::date as activity_on,
        bool_or(events.kind = 'join') as is_joined,
        count(*) filter (where events.kind = 'attempt') as quiz_attempt_count,
        count(*) filter (where events.is_passed) as quiz_pass_count,
        count(*) filter (where events.kind = 'message') as message_count,
        count(*) filter (where events.kind = 'submission') as submission_count,
        max(events.happened_at) filter (where events.kind <> 'join') as last_activity_at
    from events
    inner join zones on events.creator_id = zones.creator_id and events.happened_at >= zones.valid_from and events.happened_at < zones.valid_until
    where {{ touched('events.student_id', '(events.happened_at at time zone zones.timezone)::date') }}
    group by events.creator_id, events.student_id, (events.happened_at at time zone zones.timezone)::date
)

select
    coalesce(watching.creator_id, acting.creator_id) as creator_id,
    coalesce(watching.student_id, acting.student_id) as student_id,
    coalesce(watching.activity_on, acting.activity_on) as activity_on,
    coalesce(acting.is_joined, false) as is_joined,
    watching.student_id is not null as is_watching,
    coalesce(watching.watched_video_count, 0)::integer as watched_video_count,
    coalesce(watching.watch_seconds, 0)::bigint as watch_seconds,
    coalesce(watching.completion_count, 0)::integer as completion_count,
    coalesce(acting.quiz_attempt_count, 0)::integer as quiz_attempt_count,
    coalesce(acting.quiz_pass_count, 0)::integer as quiz_pass_count,
    coalesce(acting.message_count, 0)::integer as message_count,
    coalesce(acting.submission_count, 0)::integer as submission_count,
    greatest(watching.last_activity_at, acting.last_activity_at) as last_activity_at
from watching
full outer join acting on watching.student_id = acting.student_id and watching.activity_on = acting.activity_on
