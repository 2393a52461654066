-- What follows from all that was done: achievements, experience points, the students' own rows, their payments, and the demo's clock.
create temp table plan_activity on commit drop as
select
    p.s, p.student_id, p.sittings, coalesce(watched, 0) as watched, coalesce(completed, 0) as completed, first_asked_at, passes,
    greatest(t.last_at, a.last_at, e.last_at, j.last_at, sittings[cardinality(sittings)]) as last_at, maker_at
from (select s, student_id, sittings from plan_students left join plan_sittings using (s)) as p
left join plan_totals as t using (student_id)
left join (
    select student_id, max(completed_at) as last_at, array_agg(completed_at order by completed_at) filter (where passed) as passes
    from quiz_attempts group by student_id) as a using (student_id)
left join (
    select student_id, max(asked_at) as last_at, min(asked_at) as first_asked_at from plan_exchanges group by student_id) as e using (student_id)
left join (
    select student_id, max(greatest(created_at, submitted_at)) as last_at, min(reviewed_at) filter (where status = 'passed') as maker_at
    from project_submissions group by student_id) as j using (student_id);
analyze plan_activity;

insert into student_achievements (student_id, achievement_id, unlocked_at)
select student_id, pg_temp.id('achievements', achievement), least(%(as_of)s, unlocked_at)
from plan_students
join plan_activity as a using (s, student_id)
cross join lateral (values
    (1, case when watched >= 1 then a.sittings[1] + interval '30 minutes' end),
    (2, case when watched >= 10 then a.sittings[ceil(least(span, 12) * sitting_count / span::float8)::int] + interval '45 minutes' end),
    (3, case when watched >= 40 then a.sittings[ceil(least(span, 45) * sitting_count / span::float8)::int] + interval '45 minutes' end),
    (4, first_asked_at), (5, passes[1]), (6, passes[5]), (7, case when style = 'finisher' and watched > 0 then a.last_at end), (8, maker_at)
) as reached (achievement, unlocked_at)
where unlocked_at is not null;

insert into xp_transactions (id, student_id, action, xp_amount, created_at)
select pg_temp.child_id('xp', id), student_id, action, xp, at at time zone 'UTC'
from (
    select id, student_id, 'video_completed' as action, 10 as xp, updated_at as at from video_progress where completed
    union all
    select id, student_id, 'quiz_passed', 25, completed_at from quiz_attempts where passed
    union all
    select id, student_id, 'project_passed', 50, reviewed_at from project_submissions where status = 'passed'
    union all
    select pg_temp.child_id('unlocked ' || a.name, student_id), student_id, 'achievement_unlocked', xp_value, unlocked_at
    from student_achievements join achievements as a on a.id = achievement_id
) as earned;

-- A streak is the run of local days with a sitting that ends today or yesterday.
create temp table plan_streaks on commit drop as
select s, count(*)::int as streak
from (
    select s, day, today, max(day) over each as last_day, day + row_number() over (each order by day desc)::int as anchor
    from (
        select distinct s, (at at time zone 'UTC' at time zone zone)::date as day, (%(as_of)s at time zone 'UTC' at time zone zone)::date as today
        from plan_students join plan_sittings using (s), unnest(sittings) as at
        where plan_students.last_at > %(as_of)s - interval '3 days'
    ) as days
    window each as (partition by s)
) as runs
where anchor = last_day + 1 and last_day >= today - 1
group by s;

-- Who pays, who left: those who stopped learning mostly cancel some day later, or let the membership expire.
create temp table plan_members on commit drop as
select
    s, status, xp, last_active, s * 7 + 3 as n,
    case
        when status in ('cancelled', 'expired')
            then coalesce(last_active, joined_at) + (%(as_of)s - coalesce(last_active, joined_at)) * pg_temp.u('ended', s)
    end as ended_at
from (
    select
        s, joined_at, coalesce(xp, 0)::int as xp,
        a.last_at + (%(as_of)s - a.last_at) * case when pg_temp.u('logs in', s) < 0.03 then pg_temp.u('logs in at', s) ^ 4 else 0 end as last_active,
        case
            when tenure < 14 and pg_temp.u('trial', s) < 0.4 then 'trialing'
            when pg_temp.u('status', s) < case standing when 'gone' then 0.35 when 'never' then 0.2 when 'slipping' then 0.08 else 0.015 end
                then 'cancelled'
            when pg_temp.u('status', s) < case standing when 'gone' then 0.6 when 'never' then 0.3 when 'slipping' then 0.1 else 0.025 end
                then 'expired'
            else 'active'
        end as status
    from plan_students
    join plan_activity as a using (s)
    left join (select student_id, sum(xp_amount) as xp from xp_transactions group by student_id) as x on x.student_id = a.student_id
    offset 0
) as valued;

-- Hostile names stand at students 3, 7, 11 and so on, and here and there among the rest; some have no name or no e-mail address.
insert into students (
    id, creator_id, email, name, xp_points, level, streak_days, onboarding_completed, membership_status, last_active, created_at, updated_at)
select
    student_id, creator_id,
    case
        when pg_temp.u('no email', s) < 0.015 then null
        when hostile is not null and mod(s, 8) = 7 then left(hostile, 40) || '@example.com'
        else translate(lower(first_name || '.' || last_name), ' ''', '-') || s || (array['@example.com', '@example.org', '@example.net'])[1 + mod(s, 3)]
    end,
    case when pg_temp.u('no name', s) < 0.015 then null else coalesce(hostile, first_name || ' ' || last_name) end,
    xp, 1 + floor(sqrt(xp / 40.0))::int, coalesce(streak, 0), last_active is not null and pg_temp.u('onboarded', s) < 0.93, status, last_active,
    joined_at, greatest(joined_at, last_active, ended_at, x.last_xp_at)
from plan_students
join plan_members using (s)
left join plan_streaks using (s)
left join (select student_id, (max(created_at) at time zone 'UTC') as last_xp_at from xp_transactions group by student_id) as x using (student_id)
cross join lateral (
    select
        (pg_temp.first_names())[pg_temp.pick('first name', s, cardinality(pg_temp.first_names()))] as first_name,
        (pg_temp.last_names())[pg_temp.pick('last name', s, cardinality(pg_temp.last_names()))] as last_name,
        case
            when mod(s, 4) = 3 and s < 4 * cardinality(pg_temp.hostile_texts()) then (pg_temp.hostile_texts())[1 + s / 4]
            when pg_temp.u('hostile name', s) < 0.004
                then (pg_temp.hostile_texts())[pg_temp.pick('which hostile name', s, cardinality(pg_temp.hostile_texts()))]
        end as hostile) as named;

insert into analytics_events (id, student_id, creator_id, event_type, event_data, created_at)
with members as (
    select
        s, student_id, creator_id, status, joined_at, ended_at, least(%(as_of)s, ended_at) as paid_until,
        jsonb_build_object('membership_id', pg_temp.child_id('membership', student_id)) as membership,
        jsonb_build_object('amount', price, 'currency', case
            when mod(pg_temp.n(student_id), 100) < 85 then currency when currency = 'usd' then 'eur' else 'usd' end) as money
    from plan_students join plan_members using (s)
), due as (
    select
        student_id, creator_id, membership || money as data, s::bigint * 512 + month as n, paid_until,
        joined_at + interval '30 days' * month + interval '1 minute' as due_at, pg_temp.u('payment', s::bigint * 512 + month) < 0.05 as fails
    from members, generate_series(0, least(500, (extract(epoch from paid_until - joined_at) / 2592000)::int)) as month
    where status <> 'trialing'
)
select pg_temp.id('activated', s), student_id, creator_id, 'membership_activated', membership, joined_at from members
union all
select pg_temp.id('ended', s), student_id, creator_id, 'membership_expired', membership, ended_at from members where status = 'expired'
union all
select pg_temp.id('payments', n), student_id, creator_id, case when fails then 'payment_failed' else 'payment_succeeded' end, data, due_at
from due where due_at <= paid_until
union all
select pg_temp.id('second payments', n), student_id, creator_id, 'payment_succeeded', data, due_at + interval '1 day'
from due where fails and pg_temp.u('pays later', n) < 0.7 and due_at + interval '1 day' <= paid_until
union all
select pg_temp.id('plans', c), null, c.id, 'plan_changed', jsonb_build_object('plan', c.current_plan), c.updated_at
from plan_creators join creators as c on c.id = creator_id;

insert into demo.clock select %(schema)s::regnamespace, %(seed)s, %(as_of)s;
insert into demo.audience select %(schema)s::regnamespace, c, creator_id, zone, is_office, topic, price, currency from plan_creators;
insert into demo.questions select %(schema)s::regnamespace, quiz_id, g, points, question_id, ease, correct_answer from plan_questions;
