-- Who talks to the assistant in which sitting; demo_messages.sql writes what is said.
create temp table plan_sessions on commit drop as
select
    c, creator_id, student_id, topic, videos, first_pos, span, n, pg_temp.id('chat_sessions', n) as session_id,
    1 + floor(3 * pg_temp.u('exchanges', n) ^ 1.5)::int as exchanges,
    sittings[pg_temp.pick('chat sitting', n, sitting_count)] + interval '1 minute' * (5 + 30 * pg_temp.u('chat start', n)) as created_at
from plan_students
join plan_sittings using (s)
cross join lateral (
    select least(60, floor(sitting_count * 0.37 * pg_temp.u('chatty', s) ^ 1.2 + pg_temp.u('chats', s)))::int as chats) as t
cross join generate_series(1, chats) as chat
cross join lateral (select s::bigint * 64 + chat as n) as row_number;
