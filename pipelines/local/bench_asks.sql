-- 500 questions in words that nobody has used yet, in the hour before %(as_of)s: one in each of 500 chats.
insert into app.chat_messages (session_id, role, content, created_at)
select s.id, 'user', 'How would I go about step ' || md5(s.id::text || %(as_of)s::text) || ' of the exercise in this chapter?',
    (%(as_of)s::timestamptz at time zone 'UTC') - interval '30 minutes'
from app.chat_sessions as s order by md5(s.id::text) limit 500
