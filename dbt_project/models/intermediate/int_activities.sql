with students as (
    select
        students.student_id,
        students.creator_id,
        creators.timezone
    from {{ ref('stg_students') }} as students
    inner join {{ ref('int_creators') }} as creators on students.creator_id = creators.creator_id
    where students.joined_at <= {{ as_of() }}
),

attempts as (
    select
        'quiz_attempt' as kind,
        attempts.attempt_id as activity_id,
        quizzes.creator_id,
        attempts.student_id,
        attempts.quiz_id as subject_id,
        attempts.completed_at as occurred_at,
        attempts.score,
        attempts.is_passed
    from {{ ref('stg_quiz_attempts') }} as attempts
    inner join {{ ref('stg_quizzes') }} as quizzes on attempts.quiz_id = quizzes.quiz_id
    where quizzes.created_at <= {{ as_of() }}
),

messages as (
    select
        'message' as kind,
        messages.message_id as activity_id,
        sessions.creator_id,
        sessions.student_id,
        messages.session_id as subject_id,
        messages.sent_at as occurred_at,
        null::integer as score,
        null::boolean as is_passed
    from {{ ref('stg_chat_messages') }} as messages
    inner join {{ ref('stg_chat_sessions') }} as sessions on messages.session_id = sessions.session_id
    where messages.role = 'user' and sessions.created_at <= {{ as_of() }}
),

submissions as (
    select
        'submission' as kind,
        submissions.submission_id as activity_id,
        projects.creator_id,
        submissions.student_id,
        submissions.project_id as subject_id,
        submissions.submitted_at as occurred_at,
        submissions.score,
        null::boolean as is_passed
    from {{ ref('stg_project_submissions') }} as submissions
    inner join {{ ref('stg_projects') }} as projects on submissions.project_id = projects.project_id
    where submissions.created_at <= {{ as_of() }} and projects.created_at <= {{ as_of() }}
),

activities as (
    select * from attempts
    union all
    select * from messages
    union all
    select * from submissions
)

select
    activities.kind,
    activities.activity_id,
    activities.creator_id,
    activities.student_id,
    activities.subject_id,
    activities.occurred_at,
    (activities.occurred_at at time zone students.timezone)::date as activity_on,
    activities.score,
    activities.is_passed
from activities
inner join students on activities.student_id = students.student_id and activities.creator_id = students.creator_id
where activities.occurred_at <= {{ as_of() }}
