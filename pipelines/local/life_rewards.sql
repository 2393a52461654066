-- The end of the hour: experience points for what was done in it, the students' own rows, and the clock.
create temp table plan_earned on commit drop as
select pg_temp.child_id('xp', id) as id, student_id, 'video_completed' as action, 10 as xp, updated_at as at
from video_progress
where updated_at >= %(at)s and completed and id in (select id from plan_watched where not was_completed union all select id from plan_started)
union all
select pg_temp.child_id('xp', pg_temp.id('quiz_attempts', m)), student_id, 'quiz_passed', 25, completed_at
from plan_attempts where pg_temp.id('quiz_attempts', m) in (select id from quiz_attempts where passed and completed_at >= %(at)s)
union all
select pg_temp.child_id('xp', id), student_id, 'project_passed', 50, reviewed_at
from plan_reviewed where score >= 60;

create temp table plan_unlocked on commit drop as
select student_id, achievement_id, xp_value, least(%(as_of)s, at + interval '34 minutes') as at, name
from (
    select t.student_id, t.at, 'First steps' as name from plan_sittings as t join plan_started as p using (n) where p.place = 1
    union all
    select t.student_id, t.at, m.name
    from plan_sittings as t
    join (select n, count(*) as seen from plan_seen group by n) as c using (n)
    join (values ('Ten videos', 10), ('Forty videos', 40)) as m (name, needs) on seen >= needs
    union all
    select t.student_id, t.at, 'Curious mind' from plan_sittings as t join plan_sessions using (n)
    union all
    select t.student_id, t.at, 'Quiz passed' from plan_sittings as t join plan_earned as e using (student_id) where e.action = 'quiz_passed'
) as reached
join (select id as achievement_id, name, xp_value from achievements) as a using (name)
where not exists (select from student_achievements as s where s.student_id = reached.student_id and s.achievement_id = a.achievement_id);

insert into student_achievements (student_id, achievement_id, unlocked_at)
select student_id, achievement_id, min(at) from plan_unlocked group by student_id, achievement_id;

insert into plan_earned
select distinct pg_temp.child_id('unlocked ' || name, student_id), student_id, 'achievement_unlocked', xp_value, at from plan_unlocked;

insert into xp_transactions (id, student_id, action, xp_amount, created_at)
select e.id, e.student_id, e.action, e.xp, e.at at time zone 'UTC' from plan_earned as e where exists (select from students where id = e.student_id);

-- A sitting on the day after the last one makes the streak longer, any later one starts it again.
update students as s set
    xp_points = s.xp_points + new.xp, level = greatest(s.level, 1 + floor(sqrt((s.xp_points + new.xp) / 40.0))::int),
    onboarding_completed = s.onboarding_completed or new.seen_at is not null,
    last_active = coalesce(greatest(s.last_active, new.seen_at), s.last_active), updated_at = greatest(s.updated_at, new.seen_at, new.earned_at),
    streak_days = case
        when new.seen_at is null or new.last_day = new.local_day then greatest(s.streak_days, case when new.seen_at is null then 0 else 1 end)
        when new.last_day = new.local_day - 1 then s.streak_days + 1
        else 1
    end
from (
    select
        student_id, coalesce(sum(xp), 0)::int as xp, max(seen_at) as seen_at, max(earned_at) as earned_at, max(local_day) as local_day,
        max(last_day) as last_day
    from (
        select student_id, xp, at as earned_at, null::timestamp as seen_at, null::date as local_day, null::date as last_day from plan_earned
        union all
        select student_id, 0, null, at + interval '35 minutes', local_day, (last_active at time zone 'UTC' at time zone zone)::date
        from plan_sittings
        union all
        select student_id, 0, null, updated_at, null, null from video_progress where updated_at >= %(at)s
    ) as parts
    group by student_id
) as new
where s.id = new.student_id;

-- The app's own nightly job, at 3 in the morning of the creator's students: streaks that were broken end.
update students as s set streak_days = 0, updated_at = greatest(s.updated_at, %(at)s)
from plan_creators as p
where p.creator_id = s.creator_id and s.streak_days > 0 and extract(hour from %(at)s at time zone 'UTC' at time zone zone) = 3
    and (s.last_active at time zone 'UTC' at time zone zone)::date < local_day - 1;

update demo.clock set at = %(as_of)s where schema_oid = %(schema)s::regnamespace;
