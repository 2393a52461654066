select
    creator_id,
    sent_on as activity_on,
    count(*) filter (where is_question)::integer as question_count,
    count(*) filter (where is_answer)::integer as answer_count,
    count(*) filter (where feedback = 'positive')::integer as positive_count,
    count(*) filter (where feedback = 'negative')::integer as negative_count
from {{ ref('int_messages_answered') }}
where (is_question or is_answer) and {{ touched('creator_id', 'sent_on') }}
group by creator_id, sent_on
