select
    sessions.creator_id,
    messages.message_id,
    sessions.session_id,
    sessions.title as session_title,
    sessions.student_id,
    students.name as student_name,
    students.email as student_email,
    messages.role,
    messages.content,
    -- The source lets through what is no rating; satisfaction counts none of it, so it is not shown as one.
    case when messages.role = 'assistant' and messages.feedback in ('positive', 'negative') then messages.feedback end as feedback,
    messages.sent_at
from {{ ref('stg_chat_messages') }} as messages
inner join {{ ref('stg_chat_sessions') }} as sessions on messages.session_id = sessions.session_id
inner join {{ ref('stg_students') }} as students on sessions.student_id = students.student_id and sessions.creator_id = students.creator_id
where messages.sent_at <= {{ as_of() }} and students.joined_at <= {{ as_of() }} and {{ touched('messages.session_id') }}
