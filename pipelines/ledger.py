"""The ledger: what each run saw change in `video_progress`, booked against the row booked last; and the creators' zones over time.

Belongs here: raw.watch_gains, raw.ledger_opening, raw.creator_zones and the ledger's columns of raw.video_progress.
Does not: the mirror of other tables (booking), saving the ledger to a bucket (keeping), reading it (dbt).

All statements run in the booking transaction. Nothing here updates or deletes a ledger row.
"""

import psycopg

from pipelines import warehouse

TABLE = "video_progress"
"""The source table that the ledger follows."""

_PREPARE = """
alter table raw.video_progress add column if not exists booked_no integer;
alter table raw.video_progress add column if not exists observed_at timestamptz;
alter table raw.video_progress add column if not exists best_completion_percentage integer;
create index if not exists video_progress_observed on raw.video_progress (observed_at);
"""

# Where the ledger of a pair stands: the mirror says it, or, where the mirror lost the row (a deletion, a restored ledger), the ledger itself.
_POSITIONS = """
create temp table watch_positions on commit drop as
select
    i.student_id, i.video_id, v.creator_id,
    i.watch_time_seconds as seconds, i.completion_percentage as completion, i.completed as is_completed, i.last_position_seconds as position,
    coalesce(p.booked_no, g.booked_no, 0) as last_no,
    coalesce(p.watch_time_seconds, g.watch_seconds, 0) as last_seconds,
    coalesce(p.completion_percentage, g.completion_percentage, 0) as last_completion,
    coalesce(p.completed, g.is_completed, false) as was_completed,
    coalesce(p.best_completion_percentage, g.best_completion_percentage, 0) as last_best,
    coalesce(p.observed_at, g.observed_at) as last_observed_at,
    greatest(i.updated_at at time zone 'UTC', p.observed_at, g.observed_at) as observed_at,
    case
        when p.student_id is not null then true
        when g.student_id is null then true
        else (i.watch_time_seconds, i.completion_percentage, i.completed, i.last_position_seconds)
            is distinct from (g.watch_seconds, g.completion_percentage, g.is_completed, g.last_position_seconds)
            or i.updated_at at time zone 'UTC' > g.observed_at
    end as is_gain
from incoming.video_progress as i
inner join raw.videos as v on v.id = i.video_id
left join raw.students as s on s.id = i.student_id
left join raw.video_progress as p on p.student_id = i.student_id and p.video_id = i.video_id
left join lateral (
    select * from raw.watch_gains as w
    where p.student_id is null and w.student_id = i.student_id and w.video_id = i.video_id
    order by w.booked_no desc
    limit 1
) as g on true
where
    -- The owner of a row is the owner of its video: what another creator's student did there belongs to neither.
    (s.creator_id is null or s.creator_id = v.creator_id)
    and (p.student_id is null
    or (p.watch_time_seconds, p.completion_percentage, p.completed, p.last_position_seconds, p.updated_at)
    is distinct from (i.watch_time_seconds, i.completion_percentage, i.completed, i.last_position_seconds, i.updated_at))
"""

_GAINS = """
insert into raw.watch_gains (
    student_id, video_id, booked_no, creator_id, observed_at, seconds_gained, completion_gained, reset_seconds, reset_completion,
    watch_seconds, completion_percentage, is_completed, last_position_seconds, best_completion_percentage,
    is_first_view, is_completed_now, has_crossed_25, has_crossed_50, has_crossed_75, is_opening, is_reset, booked_as_of)
select
    student_id, video_id, last_no + 1, creator_id, observed_at,
    greatest(seconds - last_seconds, 0), greatest(completion - last_completion, 0),
    greatest(last_seconds - seconds, 0), greatest(last_completion - completion, 0),
    seconds, completion, is_completed, position, greatest(completion, last_best),
    (seconds > 0 or completion > 0) and case when last_no = 0 then true else not exists (
        select from raw.watch_gains as w
        where w.student_id = p.student_id and w.video_id = p.video_id and w.is_first_view) end,
    is_completed and not was_completed,
    last_best < 25 and completion >= 25, last_best < 50 and completion >= 50, last_best < 75 and completion >= 75,
    not exists (select from raw.ledger_opening), seconds < last_seconds or completion < last_completion or (was_completed and not is_completed),
    %(as_of)s
from watch_positions as p
where is_gain
"""

_UNSAVED = """
insert into ops.unsaved_days
select distinct 'watch_gains', (observed_at at time zone 'UTC')::date from watch_positions where is_gain
on conflict do nothing
"""

_OPENING = "insert into raw.ledger_opening (opened_as_of) values (%(as_of)s) on conflict do nothing"

SOURCE_ROWS = """
(select i.*, s.last_no + s.is_gain::integer as booked_no, s.observed_at, greatest(s.completion, s.last_best) as best_completion_percentage
from incoming.video_progress as i
inner join pg_temp.watch_positions as s on s.student_id = i.student_id and s.video_id = i.video_id)
"""
"""What the mirror takes in instead of incoming.video_progress: the rows that differ, with the ledger's columns."""

COLUMNS = ("booked_no", "observed_at", "best_completion_percentage")
"""Columns that raw.video_progress has beyond the source's."""

_ZONES = """
with known_zones as (
    -- Not the names that mean something else on each machine, nor those that a browser or Python would not know.
    select name from pg_catalog.pg_timezone_names
    where name not in ('localtime', 'posixrules', 'Factory') and name !~ '^(posix|right)/'
),
wishes as (
    select c.id as creator_id, coalesce(k.name, 'UTC') as timezone
    from raw.creators as c
    left join raw.creator_preferences as p on p.creator_id = c.id
    left join known_zones as k on k.name = p.export_preferences ->> 'timezone'
),
in_force as (
    select w.creator_id, w.timezone as wished, z.timezone, ((((%(as_of)s::timestamptz at time zone z.timezone)::date + 1)::timestamp) at time zone z.timezone) as midnight
    from wishes as w
    left join ops.zones as z on z.creator_id = w.creator_id and z.valid_from <= %(as_of)s and z.valid_until > %(as_of)s
),
withdrawn as (
    delete from raw.creator_zones as z using in_force as f
    where z.creator_id = f.creator_id and z.valid_from > %(as_of)s and f.wished = f.timezone
    returning z.creator_id
)
insert into raw.creator_zones (creator_id, valid_from, timezone, first_seen_as_of)
select creator_id, coalesce(midnight, timestamptz '1900-01-01 00:00:00+00'), wished, %(as_of)s
from in_force
where timezone is distinct from wished
on conflict (creator_id, valid_from) do update set timezone = excluded.timezone, first_seen_as_of = excluded.first_seen_as_of
where creator_zones.timezone is distinct from excluded.timezone
"""


def prepare(connection: psycopg.Connection) -> None:
    """Give raw.video_progress the columns that say where its ledger stands."""
    connection.execute(_PREPARE)


def book_zones(connection: psycopg.Connection, run: warehouse.Run) -> None:
    """Follow the zones that creators wish for; a change holds from the next midnight in the zone that is in force."""
    connection.execute(_ZONES, {"as_of": run.as_of})


def open_positions(connection: psycopg.Connection) -> None:
    """Make pg_temp.watch_positions for a transaction that books no progress."""
    connection.execute(
        "create temp table watch_positions (student_id uuid, video_id uuid, last_no integer, is_gain boolean) on commit drop"
    )


def book_gains(connection: psycopg.Connection, run: warehouse.Run) -> int:
    """Append what incoming.video_progress changes to the ledger and return the number of rows; leaves pg_temp.watch_positions for the mirror.

    The first booking ever writes opening rows. raw.videos must hold this run's videos already: the owner of a video is the owner of its gains.
    """
    connection.execute(_POSITIONS)
    connection.execute("analyze pg_temp.watch_positions")
    count = connection.execute(_GAINS, {"as_of": run.as_of}).rowcount
    connection.execute(_UNSAVED)
    connection.execute(_OPENING, {"as_of": run.as_of})
    return count
