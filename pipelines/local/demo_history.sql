-- What runs at each full hour of the platform's past, the last one at as_of, would have left: the ledger, when it began, and the zones.
-- The first run comes before the platform's first row, so no row of the ledger is an opening one. See pipelines/ledger.py for each column.
create or replace function pg_temp.tick(at timestamp) returns timestamptz immutable parallel safe language sql
return least(date_trunc('hour', at + interval '1 hour' - interval '1 microsecond'), %(as_of)s) at time zone 'UTC';

-- The ledger's indexes, without its key (rows come in its order), are made again when it is full: that takes half the time.
create temp table ledger_indexes on commit drop as
select i.indexrelid::regclass::text as index_name, pg_get_indexdef(i.indexrelid) as definition
from pg_index as i where i.indrelid = 'raw.watch_gains'::regclass and not i.indisprimary;
do $$ declare i record; begin for i in select * from ledger_indexes loop execute 'drop index ' || i.index_name; end loop; end $$;

insert into raw.ledger_opening (opened_as_of) values (date_trunc('hour', %(starts)s) at time zone 'UTC');

-- A run sees the last state before it. One that nobody saw is in no row: what it added is in the gain of the next one.
insert into raw.watch_gains (
    student_id, video_id, booked_no, creator_id, observed_at, seconds_gained, completion_gained, reset_seconds, reset_completion,
    watch_seconds, completion_percentage, is_completed, last_position_seconds, best_completion_percentage,
    is_first_view, is_completed_now, has_crossed_25, has_crossed_50, has_crossed_75, is_opening, is_reset, booked_as_of)
select
    student_id, video_id, booked_no, creator_id, observed_at,
    greatest(seconds - last_seconds, 0), greatest(completion - last_completion, 0),
    greatest(last_seconds - seconds, 0), greatest(last_completion - completion, 0),
    seconds, completion, is_completed, position, greatest(completion, last_best),
    (seconds > 0 or completion > 0) and not was_viewed, is_completed and not was_completed,
    last_best < 25 and completion >= 25, last_best < 50 and completion >= 50, last_best < 75 and completion >= 75,
    false, seconds < last_seconds or completion < last_completion or (was_completed and not is_completed), tick
from (
    select
        *,
        row_number() over (pair order by k) as booked_no,
        coalesce(lag(seconds) over (pair order by k), 0) as last_seconds,
        coalesce(lag(completion) over (pair order by k), 0) as last_completion,
        coalesce(lag(is_completed) over (pair order by k), false) as was_completed,
        coalesce(max(completion) over earlier, 0) as last_best,
        coalesce(bool_or(seconds > 0 or completion > 0) over earlier, false) as was_viewed
    from (
        select
            s.student_id, s.video_id, v.creator_id, k, at at time zone 'UTC' as observed_at, pg_temp.tick(at) as tick,
            watch_time_seconds as seconds, completion_percentage as completion, completed as is_completed, last_position_seconds as position,
            lead(pg_temp.tick(at)) over (partition by s.student_id, s.video_id order by k) as next_tick
        from demo_states as s join videos as v on v.id = s.video_id
    ) as states
    where next_tick is distinct from tick
    window pair as (partition by student_id, video_id),
        earlier as (partition by student_id, video_id order by k rows between unbounded preceding and 1 preceding)
) as seen;

do $$ declare i record; begin for i in select * from ledger_indexes loop execute i.definition; end loop; end $$;
analyze raw.watch_gains;

-- Each creator begins in the zone of the preferences that the first run found, else in UTC; later ones hold from the next midnight in UTC.
insert into raw.creator_zones (creator_id, valid_from, timezone, first_seen_as_of)
with known_zones as (
    select name from pg_catalog.pg_timezone_names where name not in ('localtime', 'posixrules', 'Factory') and name !~ '^(posix|right)/'
),
wishes as (
    select
        c.id as creator_id, coalesce(z.name, 'UTC') as timezone, pg_temp.tick(c.created_at) as met_as_of,
        pg_temp.tick(coalesce(w.chosen_at, c.created_at)) as chosen_as_of
    from creators as c
    left join demo_choices as w on w.creator_id = c.id
    left join known_zones as z on z.name = w.export_preferences ->> 'timezone'
)
select creator_id, timestamptz '1900-01-01 00:00:00+00', case when chosen_as_of = met_as_of then timezone else 'UTC' end, met_as_of
from wishes
union all
select creator_id, (((chosen_as_of at time zone 'UTC')::date + 1)::timestamp) at time zone 'UTC', timezone, chosen_as_of
from wishes
where chosen_as_of > met_as_of and timezone <> 'UTC';
