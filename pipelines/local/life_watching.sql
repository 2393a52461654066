-- In the sittings of the hour: a video left half-way goes on, or an old one is watched again (its row is overwritten); new ones begin.
create temp table plan_watched on commit drop as
select
    id, n, video_id, completed as was_completed, duration,
    case when completed then 100 when goes_on < 0.55 then 100 else least(99, old + 1 + ((100 - old) * 0.7 * goes_on)::int) end as percent,
    1 + (duration * (0.9 + 0.3 * goes_on) * case
        when completed then 0.5 when goes_on < 0.55 then 1.1 * (101 - old) / 100 else 0.7 * (100 - old) / 100 end)::int as seconds
from (
    select distinct on (n) n, s.id, s.video_id, s.completed, s.completion_percentage as old, v.duration, pg_temp.u('goes on', n) as goes_on
    from plan_seen as s join plan_videos as v using (video_id)
    where case when completed then pg_temp.u('again', pg_temp.n(s.id)) < 0.01 else pg_temp.u('continues', n) < 0.35 end
    order by n, s.updated_at desc, s.id
) as latest;

update video_progress as p set
    watch_time_seconds = p.watch_time_seconds + w.seconds, completion_percentage = w.percent, completed = w.percent = 100,
    last_position_seconds = case
        when w.was_completed then (w.duration * pg_temp.u('position', w.n))::int else w.duration * w.percent / 100 end,
    updated_at = greatest(p.updated_at, least(%(as_of)s, t.at + interval '1 second' * w.seconds))
from plan_watched as w join plan_sittings as t using (n)
where p.id = w.id;

create temp table plan_started on commit drop as
select *, pg_temp.child_id(student_id::text, video_id) as id
from (
    select
        t.n, t.student_id, t.at, v.video_id, v.duration, row_number() over (partition by t.n order by v.pos, v.video_id) as place,
        pg_temp.u('leaves', t.n * 1024 + v.pos) as leaves, 0.1 + 0.8 * (uuid_hash_extended(t.student_id, 8) & 1023) / 1023.0 as diligence,
        0.04 + 0.9 * (uuid_hash_extended(t.student_id, 9) & 1023) / 1023.0 as appetite
    from plan_sittings as t join plan_videos as v using (creator_id)
    where v.created_at <= %(at)s and not exists (select from plan_seen as s where s.n = t.n and s.video_id = v.video_id)
) as unseen
where place <= case when pg_temp.u('starts', n) < appetite then 1 + pg_temp.pick('new videos', n, 3) else 0 end;

insert into video_progress (
    id, student_id, video_id, last_position_seconds, watch_time_seconds, completion_percentage, completed, created_at, updated_at)
select
    id, student_id, video_id, duration * percent / 100, seconds, percent, percent = 100, least(%(as_of)s, created_at),
    least(%(as_of)s, created_at + interval '1 second' * seconds)
from (
    select
        *, at + interval '10 minutes' * place as created_at, (duration * percent / 100.0 * (0.9 + 0.4 * leaves))::int as seconds
    from (
        select *, case when leaves < diligence then 100 else (100 * (leaves - diligence) / (1 - diligence))::int end as percent from plan_started
    ) as left_at
) as timed;
