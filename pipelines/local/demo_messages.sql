-- What is said in the chats of plan_sessions. Questions come from a bank in many wordings, some about one video only; greetings and thanks
-- stand between them. Each creator has a question that was asked a lot of late, and one that was, until a week ago.
-- Read by demo.py for the whole history and by life.py for an hour.
create temp table plan_exchanges on commit drop as
select
    *,
    case
        when intent > 0 then 1 + mod(intent * 7 + c, greatest(1, (0.7 * videos)::int))
        else least((0.7 * videos)::int, first_pos + (span * pg_temp.u('about', m))::int)
    end as pos
from (
    select
        *,
        case
            when exchange = 1 and exchanges > 1 and pg_temp.u('greets', m) < 0.25 then -1
            when exchange = exchanges and exchanges > 1 and pg_temp.u('thanks', m) < 0.4 then -2
            when pg_temp.u('one off', m) < 0.2 then 0
            when asked_at > %(as_of)s - interval '7 days' and pg_temp.u('hot', m) < 0.3 then 1 + mod(c * 5 + 2, pg_temp.question_count())
            when asked_at between %(as_of)s - interval '28 days' and %(as_of)s - interval '7 days' and pg_temp.u('cold', m) < 0.25
                then 1 + mod(c * 5 + 9, pg_temp.question_count())
            else 1 + mod((pg_temp.question_count() * pg_temp.u('intent', m) ^ 1.8)::int + c * 3, pg_temp.question_count())
        end as intent
    from (
        select
            p.*, exchange, n * 4 + exchange as m,
            created_at + interval '1 second' * ((exchange - 1) * 130 + 50 * pg_temp.u('typing', n * 4 + exchange)) as asked_at
        from plan_sessions as p cross join generate_series(1, exchanges) as exchange
        offset 0
    ) as timed
    where asked_at <= %(as_of)s
    offset 0
) as meant;
analyze plan_exchanges;

insert into chat_sessions (id, student_id, creator_id, title, context_type, created_at, updated_at)
select
    session_id, student_id, creator_id, case when pg_temp.u('titled', n) < 0.95 then 'Chat of ' || to_char(created_at, 'YYYY-MM-DD') end,
    (array['video', 'course', 'general', null])[pg_temp.pick('context', n, 4)], created_at,
    least(%(as_of)s, created_at + interval '1 second' * (exchanges * 130))
from plan_sessions
where created_at <= %(as_of)s;

insert into chat_messages (id, session_id, role, content, created_at)
select
    pg_temp.id('chat_messages', m), session_id, 'user',
    case
        when intent = -1 then (pg_temp.greetings())[pg_temp.pick('greeting', m, cardinality(pg_temp.greetings()))]
        when intent = -2 then (pg_temp.thanks())[pg_temp.pick('thank you', m, cardinality(pg_temp.thanks()))]
        when pg_temp.u('hostile', m) < 0.004 then (pg_temp.hostile_texts())[pg_temp.pick('hostile text', m, cardinality(pg_temp.hostile_texts()))]
        when intent = 0 then 'At minute ' || pg_temp.pick('minute asked', m, 20) || ' of ' || coalesce('"' || v.title || '"', 'your lesson')
            || (array[' you go too fast, what happens there?', ': what do you mean?', ' I hear a noise, is that normal? ', ', why not the other way round?'])
                [pg_temp.pick('about what', m, 4)]
        else case pg_temp.pick('tone', m, 16)
            when 1 then lower(wording) when 2 then 'Hi! ' || wording when 3 then wording || ' Thanks!' when 4 then '  ' || wording || ' '
            when 5 then upper(wording) when 6 then rtrim(wording, '?') when 7 then wording || '??' when 8 then 'Quick question: ' || lower(wording)
            else wording end
    end,
    asked_at
from plan_exchanges
left join word_questions as k using (topic, intent)
left join (select p.c, p.pos, v.title from plan_videos as p join videos as v on v.id = p.video_id) as v using (c, pos)
cross join lateral (
    select k.wordings[1 + floor(cardinality(k.wordings) * pg_temp.u('wording', m) ^ 1.6)::int] as wording) as w;

-- Most answers point at the video that deals with the question; one in five is rated, those to badly answered questions badly.
insert into chat_messages (id, session_id, role, content, video_references, feedback, created_at)
select
    pg_temp.id('chat_messages', m + 4294967296 / 2), session_id, 'assistant',
    case
        when intent = -1 then 'Hello! What would you like to know?'
        when intent = -2 then 'You are welcome. Enjoy the next lesson!'
        when intent = 0 then 'Good question. ' || coalesce('The lesson "' || v.title || '" has the details.', 'I could not find a lesson about it.')
        else answer || coalesce(' See "' || v.title || '".', '')
    end,
    case
        when intent < 0 or v.title is null or pg_temp.u('refers', m) < 0.1 then null
        when pg_temp.u('refers', m) < 0.13 then '[]'
        else jsonb_build_array(jsonb_build_object(
            'video_id', v.video_id, 'title', v.title, 'relevance_score', round((0.6 + 0.4 * pg_temp.u('relevance', m))::numeric, 2), 'timestamp',
            mod(case when intent > 0 then (v.c * 1024 + v.pos) * 8111::bigint + intent * 97 else m end, coalesce(v.duration_seconds, 600))))
    end,
    case when intent >= 0 and pg_temp.u('rated', m) < case when asked_at < %(as_of)s - interval '3 days' then 0.22 else 0.08 end then
        case when pg_temp.u('rating', m) < case when is_gap then 0.3 else 0.85 end then 'positive' else 'negative' end
    end,
    asked_at + interval '1 second' * (3 + 25 * pg_temp.u('answers', m))
from plan_exchanges
left join word_questions as k using (topic, intent)
left join (
    select p.c, p.pos, p.video_id, v.duration_seconds, v.title from plan_videos as p join videos as v on v.id = p.video_id) as v using (c, pos)
where pg_temp.u('answered', m) < 0.985 and asked_at < %(as_of)s - interval '30 seconds';
