with facts as (
    select
        creator_id,
        sent_on as activity_on,
        is_question,
        is_answer,
        feedback,
        null::integer as begun_message_count
    from {{ ref('int_messages_answered') }}
    where (is_question or is_answer) and {{ touched('creator_id', 'sent_on') }}
    union all
    select
        creator_id,
        begun_on as activity_on,
        false as is_question,
        false as is_answer,
        null as feedback,
        message_count as begun_message_count
    from {{ ref('int_chats') }}
    where {{ touched('creator_id', 'begun_on') }}
)

select
    creator_id,
    activity_on,
    count(*) filter (where is_question)::integer as question_count,
    count(*) filter (where is_answer)::integer as answer_count,
    count(*) filter (where feedback = 'positive')::integer as positive_count,
    count(*) filter (where feedback = 'negative')::integer as negative_count,
    count(begun_message_count)::integer as begun_chat_count,
    coalesce(sum(begun_message_count), 0)::integer as begun_message_count
from facts
group by creator_id, activity_on
