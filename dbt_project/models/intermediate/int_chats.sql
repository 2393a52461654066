select
    creator_id,
    session_id,
    min(sent_on) as begun_on,
    count(*)::integer as message_count
from {{ ref('int_messages_answered') }}
where {{ touched('session_id') }}
group by creator_id, session_id
