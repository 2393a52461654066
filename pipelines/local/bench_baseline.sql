-- What a good engineer would do without this project: five materialized views over the source, refreshed hourly whatever changed.
-- The yardstick of every ratio that the bench prints.
drop schema if exists baseline cascade;
create schema baseline;
create materialized view baseline.creator_analytics as
select c.id as creator_id, st.*, v.*, vp.*, ch.*, qa.*
from app.creators c
left join lateral (select count(*) as students, count(*) filter (where last_active >= now() - interval '7 days') as active_7d,
    count(*) filter (where last_active >= now() - interval '30 days') as active_30d,
    count(*) filter (where created_at >= date_trunc('month', now())) as new_this_month from app.students s where s.creator_id = c.id) st on true
left join lateral (select count(*) as videos, sum(duration_seconds) as duration_seconds from app.videos v where v.creator_id = c.id) v on true
left join (select s.creator_id as k3, count(*) as views, avg(completion_percentage) as avg_completion, count(*) filter (where completed) as completions
    from app.video_progress p join app.students s on s.id = p.student_id group by 1) vp on vp.k3 = c.id
left join (select cs.creator_id as k4, count(distinct cs.id) as sessions, count(*) filter (where m.role = 'user') as questions,
    count(*) filter (where m.role = 'assistant') as answers, count(*) filter (where feedback = 'positive') as positive, count(feedback) as rated
    from app.chat_sessions cs join app.chat_messages m on m.session_id = cs.id group by 1) ch on ch.k4 = c.id
left join (select q.creator_id as k5, count(*) as attempts, count(*) filter (where a.passed) as passes
    from app.quizzes q join app.quiz_attempts a on a.quiz_id = q.id group by 1) qa on qa.k5 = c.id;
create unique index on baseline.creator_analytics (creator_id);
create materialized view baseline.daily_active_users as
select v.creator_id, p.updated_at::date as day, count(distinct p.student_id) as active, count(distinct p.video_id) as videos,
    sum(p.watch_time_seconds) as watch_seconds, avg(p.completion_percentage) as avg_completion
from app.video_progress p join app.videos v on v.id = p.video_id where p.updated_at >= current_date - interval '90 days' group by 1, 2;
create unique index on baseline.daily_active_users (creator_id, day);
create materialized view baseline.video_analytics as
select v.id as video_id, v.creator_id, v.title, p.* from app.videos v
left join (select video_id as k, count(*) as viewers, avg(completion_percentage) as avg_completion, avg(watch_time_seconds) as avg_watch_seconds,
    count(*) filter (where completed) as completions, count(*) filter (where completion_percentage >= 75) as high, count(*) filter (where completion_percentage < 25) as low,
    avg(completion_percentage) filter (where completion_percentage < 100) as avg_dropoff, max(updated_at) as last_viewed_at,
    count(*) filter (where updated_at >= now() - interval '7 days') as views_7d from app.video_progress group by 1) p on p.k = v.id;
create unique index on baseline.video_analytics (video_id);
create index on baseline.video_analytics (creator_id, viewers desc);
create materialized view baseline.top_questions as
select cs.creator_id, m.content as question, count(*) as asks, count(distinct cs.student_id) as askers, max(m.created_at) as last_asked_at,
    count(*) filter (where m.created_at >= now() - interval '7 days') as asks_7d, count(*) filter (where m.created_at >= now() - interval '30 days') as asks_30d
from app.chat_messages m join app.chat_sessions cs on cs.id = m.session_id
where m.role = 'user' and m.created_at >= now() - interval '90 days' and length(m.content) > 10 group by 1, 2 having count(*) >= 2;
create unique index on baseline.top_questions (creator_id, md5(question));
create materialized view baseline.student_tiers as
select s.id as student_id, s.creator_id, s.name, s.email, s.xp_points, s.level, s.last_active, p.videos, p.avg_completion, p.watch_seconds, a.attempts, a.passed, m.messages,
    case when s.last_active < now() - interval '14 days' then 'inactive' when s.last_active < now() - interval '7 days' then 'at_risk'
        when coalesce(p.videos, 0) < 3 and s.created_at < now() - interval '7 days' then 'low_engagement' when p.videos >= 10 and p.avg_completion >= 75 then 'highly_engaged'
        when p.videos >= 5 then 'engaged' else 'moderate' end as tier
from app.students s
left join (select student_id as k1, count(*) as videos, avg(completion_percentage) as avg_completion, sum(watch_time_seconds) as watch_seconds from app.video_progress group by 1) p on p.k1 = s.id
left join (select student_id as k2, count(*) as attempts, count(*) filter (where passed) as passed from app.quiz_attempts group by 1) a on a.k2 = s.id
left join (select cs.student_id as k3, count(*) as messages from app.chat_sessions cs join app.chat_messages m on m.session_id = cs.id where m.role = 'user' group by 1) m on m.k3 = s.id;
create unique index on baseline.student_tiers (student_id);
create index on baseline.student_tiers (creator_id, last_active desc);
