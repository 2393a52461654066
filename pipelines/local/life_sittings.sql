-- One hour of the platform, from at to as_of: who sits down in it, and what they have seen so far. How likely that is follows from how long
-- ago they came last, from the person, and from hour and weekday where their creator's students live.
create temp table plan_videos on commit drop as
select a.c, v.creator_id, v.order_index as pos, v.id as video_id, coalesce(v.duration_seconds, 600) as duration, v.created_at
from videos as v join demo.audience as a using (creator_id)
where a.schema_oid = %(schema)s::regnamespace;
analyze plan_videos;

create temp table plan_creators on commit drop as
select
    c, creator_id, zone, topic, price, currency, local_time::date as local_day, coalesce(videos, 0) as videos, coalesce(students, 0) as students,
    case when is_office then
        (array[1, 0, 0, 0, 0, 1, 2, 3, 5, 5, 5, 4, 6, 4, 4, 4, 3, 3, 2, 2, 3, 3, 2, 2])[1 + extract(hour from local_time)::int]
        * case when extract(isodow from local_time) >= 6 then 0.5 else 1.2 end / 64.0
    else
        (array[1, 1, 1, 0, 0, 1, 1, 2, 2, 2, 2, 2, 3, 2, 2, 2, 2, 3, 5, 6, 8, 7, 5, 4])[1 + extract(hour from local_time)::int]
        * case when extract(isodow from local_time) >= 6 then 1.25 else 0.9 end / 64.0
    end as share_of_day
from (select *, %(at)s at time zone 'UTC' at time zone zone as local_time from demo.audience where schema_oid = %(schema)s::regnamespace) as a
left join (select creator_id, count(*)::int as videos from videos group by creator_id) as v using (creator_id)
left join (select creator_id, count(*)::int as students from students group by creator_id) as s using (creator_id);
analyze plan_creators;

create temp table plan_sittings on commit drop as
select
    row_number() over (order by student_id) as n, student_id, c, creator_id, topic, zone, local_day, price, currency, videos, last_active,
    %(at)s + interval '1 minute' * 25 * pg_temp.u('start', pg_temp.n(student_id)) as at
from (
    select
        s.id as student_id, s.last_active, p.*,
        case
            when s.membership_status in ('cancelled', 'expired') then 0
            when s.last_active is null and s.created_at > %(at)s - interval '1 day' then 3
            when s.last_active is null and s.created_at > %(at)s - interval '7 days' then 0.2
            when s.last_active is null then 0
            when s.last_active > %(at)s - interval '3 days' then 0.5
            when s.last_active > %(at)s - interval '7 days' then 0.35
            when s.last_active > %(at)s - interval '14 days' then 0.1
            when s.last_active > %(at)s - interval '30 days' then 0.02
            else 0.006
        end * (0.4 + 1.2 * (uuid_hash_extended(s.id, 7) & 1023) / 1023.0) as times_a_day
    from students as s join plan_creators as p using (creator_id)
    where s.created_at < %(at)s
    offset 0
) as s
where pg_temp.u('sits down', pg_temp.n(student_id)) < times_a_day * share_of_day;
analyze plan_sittings;

create temp table plan_seen on commit drop as
select t.n, p.id, p.student_id, p.video_id, p.completed, p.completion_percentage, p.updated_at
from plan_sittings as t join video_progress as p using (student_id);
analyze plan_seen;
