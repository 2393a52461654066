with zones as (
    select * from {{ ref('stg_creator_zones') }}
),

hours as (
    select
        students.creator_id,
        students.student_id,
        date_trunc('hour', attempts.completed_at at time zone zones.timezone) as local_hour
    from {{ ref('stg_quiz_attempts') }} as attempts
    inner join {{ ref('stg_quizzes') }} as quizzes on attempts.quiz_id = quizzes.quiz_id
    inner join {{ ref('stg_students') }} as students on attempts.student_id = students.student_id and quizzes.creator_id = students.creator_id
    inner join zones
        on students.creator_id = zones.creator_id and attempts.completed_at >= zones.valid_from and attempts.completed_at < zones.valid_until
    {{ touched_days('attempts.student_id', 'attempts.completed_at', '(attempts.completed_at at time zone zones.timezone)::date') }}
    where attempts.completed_at <= {{ as_of() }}
    union all
    select
        sessions.creator_id,
        sessions.student_id,
        date_trunc('hour', messages.sent_at at time zone zones.timezone) as local_hour
    from {{ ref('stg_chat_sessions') }} as sessions
    inner join {{ ref('stg_chat_messages') }} as messages on sessions.session_id = messages.session_id
    inner join {{ ref('stg_students') }} as students on sessions.student_id = students.student_id and sessions.creator_id = students.creator_id
    inner join zones on sessions.creator_id = zones.creator_id and messages.sent_at >= zones.valid_from and messages.sent_at < zones.valid_until
    {{ touched_days('sessions.student_id', 'messages.sent_at', '(messages.sent_at at time zone zones.timezone)::date') }}
    where messages.role = 'user' and messages.sent_at <= {{ as_of() }}
    union all
    select
        students.creator_id,
        students.student_id,
        date_trunc('hour', submissions.submitted_at at time zone zones.timezone) as local_hour
    from {{ ref('stg_project_submissions') }} as submissions
    inner join {{ ref('stg_projects') }} as projects on submissions.project_id = projects.project_id
    inner join {{ ref('stg_students') }} as students on submissions.student_id = students.student_id and projects.creator_id = students.creator_id
    inner join zones
        on students.creator_id = zones.creator_id and submissions.submitted_at >= zones.valid_from and submissions.submitted_at < zones.valid_until
    {{ touched_days('submissions.student_id', 'submissions.submitted_at', '(submissions.submitted_at at time zone zones.timezone)::date') }}
    where submissions.submitted_at <= {{ as_of() }}
)

select
    creator_id,
    student_id,
    local_hour::date as activity_on,
    extract(hour from local_hour)::integer as hour_no
from hours
group by creator_id, student_id, local_hour
