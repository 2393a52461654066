-- Who joins, pays and leaves in the hour, and what the creators publish. Each month some 3 of 100 members cancel. Once a day, at 13 UTC, a
-- few former or silent students are deleted outright with all their rows; a replica has no foreign keys that would do it.
create temp table plan_joined on commit drop as
select
    pg_temp.id('students', n) as student_id, creator_id, c, n, %(at)s + interval '1 minute' * 59 * pg_temp.u('joined', n) as joined_at,
    (pg_temp.first_names())[pg_temp.pick('first name', n, cardinality(pg_temp.first_names()))] as first_name,
    (pg_temp.last_names())[pg_temp.pick('last name', n, cardinality(pg_temp.last_names()))] as last_name
from plan_creators
cross join lateral generate_series(1, floor(students * 0.008 * share_of_day + pg_temp.u('joins', c))::int) as i
cross join lateral (select c * 4096::bigint + i as n) as row_number;

insert into students (id, creator_id, email, name, membership_status, created_at, updated_at)
select
    student_id, creator_id, translate(lower(first_name || '.' || last_name), ' ''', '-') || left(student_id::text, 8) || '@example.com',
    first_name || ' ' || last_name, case when pg_temp.u('trial', n) < 0.4 then 'trialing' else 'active' end, joined_at, joined_at
from plan_joined;

-- A trial ends after 14 days: into a membership or not. Others leave when they please, more so when they have not been there lately.
create temp table plan_changed on commit drop as
select id as student_id, creator_id, to_status, %(at)s + interval '1 minute' * 59 * pg_temp.u('changes', pg_temp.n(id)) as changed_at
from (
    select
        id, creator_id,
        case
            when membership_status = 'trialing' and created_at <= %(at)s - interval '14 days'
                then case when pg_temp.u('stays', pg_temp.n(id)) < 0.6 then 'active' else 'expired' end
            when membership_status = 'active' and created_at < %(at)s and pg_temp.u('leaves', pg_temp.n(id))
                < 0.00003 * case when last_active < %(at)s - interval '14 days' then 4 else 1 end then 'cancelled'
        end as to_status
    from students
    where membership_status in ('trialing', 'active')
    offset 0
) as s
where to_status is not null;

update students as s set membership_status = p.to_status, updated_at = greatest(s.updated_at, p.changed_at)
from plan_changed as p where p.student_id = s.id;

insert into analytics_events (id, student_id, creator_id, event_type, event_data, created_at)
select
    pg_temp.child_id('activated', student_id), student_id, creator_id, 'membership_activated',
    jsonb_build_object('membership_id', pg_temp.child_id('membership', student_id)), joined_at
from plan_joined
union all
select
    pg_temp.child_id('expired', student_id), student_id, creator_id, 'membership_expired',
    jsonb_build_object('membership_id', pg_temp.child_id('membership', student_id)), changed_at
from plan_changed where to_status = 'expired';

-- Members pay when they join and every 30 days after it; a failed payment is tried again a day later.
insert into analytics_events (id, student_id, creator_id, event_type, event_data, created_at)
select
    pg_temp.id('payments', pg_temp.n(s.id)), s.id, creator_id,
    case when pg_temp.u('payment', pg_temp.n(s.id)) < 0.05 then 'payment_failed' else 'payment_succeeded' end,
    jsonb_build_object(
        'membership_id', pg_temp.child_id('membership', s.id), 'amount', price, 'currency', case
            when mod(pg_temp.n(s.id), 100) < 85 then currency when currency = 'usd' then 'eur' else 'usd' end),
    %(as_of)s - make_interval(secs => mod(extract(epoch from %(as_of)s - s.created_at), 3600)::float8)
from students as s join plan_creators as p using (creator_id)
where s.membership_status = 'active' and s.created_at < %(as_of)s
    and mod(extract(epoch from %(as_of)s - s.created_at), 2592000) < 3600;

insert into analytics_events (id, student_id, creator_id, event_type, event_data, created_at)
select pg_temp.child_id('paid later', e.id), e.student_id, e.creator_id, 'payment_succeeded', e.event_data, e.created_at + interval '1 day'
from analytics_events as e
where e.event_type = 'payment_failed' and pg_temp.u('pays later', pg_temp.n(e.id)) < 0.7
    and e.created_at >= %(at)s - interval '1 day' and e.created_at < %(as_of)s - interval '1 day';

insert into videos (id, creator_id, course_id, title, category, tags, difficulty_level, duration_seconds, order_index, created_at, updated_at)
select
    pg_temp.id('videos', c), latest.creator_id, latest.course_id, t.lessons[1 + mod(latest.order_index, 12)] || ', part ' || latest.order_index / 12 + 1,
    latest.category, latest.tags, latest.difficulty_level, 180 + pg_temp.pick('duration', c, 1320), latest.order_index + 1,
    %(at)s + interval '30 minutes', %(at)s + interval '30 minutes'
from plan_creators
join word_topics as t using (topic)
join lateral (
    select * from videos as v where v.creator_id = plan_creators.creator_id order by order_index desc, id limit 1) as latest on true
where pg_temp.u('publishes', c) < share_of_day / 8;

create temp table plan_deleted on commit drop as
select id as student_id from students
where mod(extract(epoch from %(at)s)::bigint / 3600, 24) = 13 and (membership_status in ('cancelled', 'expired') or last_active is null)
    and created_at < %(at)s - interval '1 day' and id not in (select student_id from plan_sittings)
order by pg_temp.h('deleted', pg_temp.n(id)), id
limit (select least(20, ceil(count(*) * 0.0002)) from students);

delete from chat_messages where session_id in (select s.id from chat_sessions as s join plan_deleted using (student_id));
delete from chat_sessions where student_id in (select student_id from plan_deleted);
delete from video_progress where student_id in (select student_id from plan_deleted);
delete from quiz_attempts where student_id in (select student_id from plan_deleted);
delete from project_submissions where student_id in (select student_id from plan_deleted);
delete from student_achievements where student_id in (select student_id from plan_deleted);
delete from xp_transactions where student_id in (select student_id from plan_deleted);
delete from analytics_events where student_id in (select student_id from plan_deleted);
delete from students where id in (select student_id from plan_deleted);
