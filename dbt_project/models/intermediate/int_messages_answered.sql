with sessions as (
    select
        sessions.session_id,
        sessions.student_id,
        sessions.creator_id,
        creators.timezone,
        creators.today_on
    from {{ ref('stg_chat_sessions') }} as sessions
    inner join {{ ref('stg_students') }} as students
        on sessions.student_id = students.student_id and sessions.creator_id = students.creator_id
    inner join {{ ref('int_creators') }} as creators on sessions.creator_id = creators.creator_id
    where sessions.created_at <= {{ as_of() }} and students.joined_at <= {{ as_of() }}
),

messages as (
    select
        messages.message_id,
        sessions.session_id,
        sessions.student_id,
        sessions.creator_id,
        messages.role,
        messages.feedback,
        messages.sent_at,
        (messages.sent_at at time zone sessions.timezone)::date as sent_on,
        (messages.sent_at at time zone sessions.timezone)::date > sessions.today_on - 90 as is_recent,
        -- Only the student's texts are carried along: most of a message is its text.
        case when messages.role = 'user' then messages.content end as content
    from {{ ref('stg_chat_messages') }} as messages
    inner join sessions on messages.session_id = sessions.session_id
    where messages.sent_at <= {{ as_of() }}
),

-- A turn is a message of the student with all that the assistant says before the student's next one; sent at the same instant, the student's comes first.
turns as (
    select
        *,
        count(*) filter (where role = 'user') over (partition by session_id order by sent_at asc, role desc, message_id asc) as turn_no
    from messages
),

answered as (
    select
        *,
        count(*) filter (where role = 'assistant' and is_recent) over turn as answer_count,
        count(*) filter (where role = 'assistant' and is_recent and feedback = 'positive') over turn as positive_count,
        count(*) filter (where role = 'assistant' and is_recent and feedback = 'negative') over turn as negative_count
    from turns
    window turn as (partition by session_id, turn_no)
),

worded as (
    select
        *,
        case when is_recent and length(content) > 10 then content end as wording
    from answered
    where role = 'user' and (is_recent or answer_count > 0)
)

select
    creator_id,
    student_id,
    session_id,
    message_id,
    sent_at,
    sent_on,
    wording is not null as is_question,
    md5(coalesce(nullif({{ normalised_wording('wording') }}, ''), wording)) as question_id,
    wording,
    answer_count::integer as answer_count,
    positive_count::integer as positive_count,
    negative_count::integer as negative_count
from worded
