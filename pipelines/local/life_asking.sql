-- What else happens in the hour: chats and quiz attempts in the sittings (demo_messages.sql and demo_answers.sql write them from the plans
-- made here), ratings that come days after the answer, projects begun, handed in and reviewed.
create temp table plan_sessions on commit drop as
select
    c, creator_id, student_id, topic, videos, 1 as first_pos, videos as span, n, pg_temp.id('chat_sessions', n) as session_id,
    1 + floor(3 * pg_temp.u('exchanges', n) ^ 1.5)::int as exchanges, at + interval '1 minute' * (2 + 20 * pg_temp.u('chat start', n)) as created_at
from plan_sittings
where pg_temp.u('chats', n) < 0.18;

create temp table plan_attempts on commit drop as
select
    t.n as m, z.id as quiz_id, t.student_id, z.passing_score, 0.8 + 0.35 * pg_temp.u('skill', t.n) as skill,
    t.at + interval '1 minute' * (10 + 24 * pg_temp.u('attempt', t.n)) as completed_at
from plan_sittings as t
join lateral (
    select id, passing_score from quizzes as z where z.creator_id = t.creator_id and z.created_at < %(at)s
    order by pg_temp.h('which quiz', pg_temp.n(z.id) # t.n) limit 1) as z on true
where pg_temp.u('takes a quiz', t.n) < 0.2;

create temp table plan_questions on commit drop as
select quiz_id, g, points, question_id, ease, correct_answer from demo.questions
where schema_oid = %(schema)s::regnamespace and quiz_id in (select quiz_id from plan_attempts);
create index on plan_questions (quiz_id);

update chat_messages set
    feedback = case when pg_temp.u('late rating', pg_temp.n(id)) < 0.75 then 'positive' else 'negative' end
where role = 'assistant' and feedback is null and created_at between %(at)s - interval '14 days' and %(at)s
    and pg_temp.u('rated late', pg_temp.n(id)) < 0.0008;

update project_submissions as p set status = 'submitted', submitted_at = t.at + interval '30 minutes', updated_at = t.at + interval '30 minutes'
from plan_sittings as t
where t.student_id = p.student_id and p.status = 'in-progress' and p.updated_at < %(at)s and pg_temp.u('hands in', pg_temp.n(p.id)) < 0.25;

insert into project_submissions (id, project_id, student_id, status, created_at, updated_at)
select pg_temp.id('project_submissions', t.n), p.id, t.student_id, 'in-progress', t.at + interval '15 minutes', t.at + interval '15 minutes'
from plan_sittings as t
join lateral (
    select id from projects as p
    where p.creator_id = t.creator_id and not exists (
        select from project_submissions as s where s.student_id = t.student_id and s.project_id = p.id)
    order by p.title, p.id limit 1) as p on true
where pg_temp.u('begins a project', t.n) < 0.03;

create temp table plan_reviewed on commit drop as
select id, student_id, 35 + (65 * pg_temp.u('project score', pg_temp.n(id)) ^ 0.6)::int as score, %(at)s + interval '50 minutes' as reviewed_at
from project_submissions
where status = 'submitted' and submitted_at < %(at)s and pg_temp.u('is reviewed', pg_temp.n(id)) < 0.012;

update project_submissions as p set
    status = case when r.score >= 60 then 'passed' else 'reviewed' end, score = r.score, reviewed_at = r.reviewed_at, updated_at = r.reviewed_at
from plan_reviewed as r where r.id = p.id;
