with messages as (
    select
        messages.message_id,
        sessions.session_id,
        sessions.student_id,
        sessions.creator_id,
        messages.role,
        messages.feedback,
        messages.sent_at,
        -- Only the student's texts are carried along: most of a message is its text.
        case when messages.role = 'user' then messages.content end as content,
        case when messages.role = 'assistant' then ops.best_reference(messages.video_references) end as place
    from {{ ref('stg_chat_messages') }} as messages
    inner join {{ ref('stg_chat_sessions') }} as sessions on messages.session_id = sessions.session_id
    inner join {{ ref('stg_students') }} as students on sessions.student_id = students.student_id and sessions.creator_id = students.creator_id
    where messages.sent_at <= {{ as_of() }} and students.joined_at <= {{ as_of() }} and {{ touched('messages.session_id') }}
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
        count(*) filter (where role = 'assistant') over turn as answer_count,
        count(*) filter (where role = 'assistant' and feedback = 'positive') over turn as positive_count,
        count(*) filter (where role = 'assistant' and feedback = 'negative') over turn as negative_count,
        -- A question is about the place that the first answer with one points at.
        (array_agg(place) filter (where place is not null) over turn)[1] as first_place
    from turns
    window turn as (
        partition by session_id, turn_no
        order by sent_at asc, role desc, message_id asc
        rows between unbounded preceding and unbounded following
    )
),

-- Without a row in the wordings (no step has read it) a text is shown as it is, and is a question.
worded as (
    select
        answered.*,
        wordings.question_id as known_id,
        case when answered.role = 'user' and length(answered.content) > 10 and coalesce(wordings.is_question, true) then answered.content end as text_asked,
        wordings.masked
    from answered
    left join {{ ref('stg_question_wordings') }} as wordings on md5(answered.content) = wordings.wording_id
)

select
    worded.creator_id,
    worded.student_id,
    worded.session_id,
    worded.message_id,
    worded.role,
    worded.sent_at,
    (worded.sent_at at time zone zones.timezone)::date as sent_on,
    worded.role = 'assistant' and worded.turn_no > 0 as is_answer,
    case when worded.role = 'assistant' then worded.feedback end as feedback,
    worded.text_asked is not null as is_question,
    case
        when worded.text_asked is null then null
        when worded.known_id is not null then worded.known_id
        else md5(coalesce(nullif({{ normalised_wording('worded.text_asked') }}, ''), worded.text_asked))
    end as question_id,
    case when worded.text_asked is not null then coalesce(worded.masked, worded.text_asked) end as wording,
    case when worded.role = 'user' then worded.answer_count else 0 end::integer as answer_count,
    case when worded.role = 'user' then worded.positive_count else 0 end::integer as positive_count,
    case when worded.role = 'user' then worded.negative_count else 0 end::integer as negative_count,
    case when worded.text_asked is not null then (worded.first_place ->> 'video_id')::uuid end as video_id,
    case when worded.text_asked is not null then (worded.first_place ->> 'second')::integer end as video_second
from worded
inner join {{ ref('stg_creator_zones') }} as zones
    on worded.creator_id = zones.creator_id and worded.sent_at >= zones.valid_from and worded.sent_at < zones.valid_until
