with zones as (
    select * from {{ ref('stg_creator_zones') }}
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

local_events as (
    select
        events.*,
        (events.happened_at at time zone zones.timezone)::date as activity_on
    from events
    inner join zones on events.creator_id = zones.creator_id and events.happened_at >= zones.valid_from and events.happened_at < zones.valid_until
)

select
    creator_id,
    student_id,
    activity_on,
    bool_or(kind = 'join') as is_joined,
    (count(*) filter (where kind = 'attempt'))::integer as quiz_attempt_count,
    (count(*) filter (where is_passed))::integer as quiz_pass_count,
    (count(*) filter (where kind = 'message'))::integer as message_count,
    (count(*) filter (where kind = 'submission'))::integer as submission_count,
    max(happened_at) filter (where kind <> 'join') as last_activity_at
from local_events
where {{ touched('student_id', 'activity_on') }}
group by creator_id, student_id, activity_on
