"""How each creator's reports stand: `ops.report_status`, one row per creator, for the app and the data team.

Belongs here: writing it. Does not: why a gate is closed (gates), what became of single files (export_log).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

import psycopg

from pipelines import gates, warehouse
from pipelines.export_log import Entry
from pipelines.settings import Settings

_NOTE = """
insert into ops.report_status as s (creator_id, state, reason, as_of, edition_on, since, run_id)
values (%(creator)s, %(state)s, %(reason)s, %(as_of)s, %(edition_on)s, %(now)s, %(run)s)
on conflict (creator_id) do update set
    state = excluded.state, reason = excluded.reason, as_of = coalesce(excluded.as_of, s.as_of), edition_on = coalesce(excluded.edition_on, s.edition_on),
    since = case when (s.state, s.reason) is distinct from (excluded.state, excluded.reason) then excluded.since else s.since end, run_id = excluded.run_id
"""
"""`as_of` and `edition_on` are those of the last good reports: they stay when nothing new was made."""
_RELEASE = """
update ops.report_status as s set since = %s, run_id = %s, (state, reason) = (
    select case when missed.is_so then 'waiting' else 'current' end, case when missed.is_so then %s end
    from (select coalesce(s.edition_on < max(edition_on), true) as is_so from ops.report_status) as missed)
where s.state = 'held' and not s.creator_id = any(%s::uuid[])
"""
"""Whose gate has opened: who has no reports of the newest edition, because it was made while the gate was closed or failed before, waits for the next."""
_END = """
update ops.report_status as s set state = 'ended', reason = %s, since = %s, run_id = %s where s.state <> 'ended' and not s.creator_id = any(%s::uuid[])
"""
"""Who gets no reports any more. A gate that closes later changes nothing for them."""
_ENDED = "no longer on a running enterprise plan: no new reports, and all links have ended"
_MISSED = "the data is in order again; the next edition brings new reports"
_LAST_GOOD = (
    "select as_of, edition_on from ops.export_log where creator_id = %s and event in ('finished', 'unchanged') order by log_id desc limit 1"
)


def note_made(connection: psycopg.Connection, creator_id: str, end: Entry) -> None:
    """The reports of an edition are there; `end` is the outcome of one of them."""
    _note(connection, creator_id, end.run_id, "current", None, end.as_of, end.edition_on)


def note_failed(connection: psycopg.Connection, creator_id: str, run_id: str, reason: str) -> None:
    """Rendering failed; the last good reports stand."""
    _note(connection, creator_id, run_id, "failed", reason, *_last_good(connection, creator_id))


def follow_gates(settings: Settings, run_id: str, creators: Iterable[str] = ()) -> Mapping[str, str]:
    """Note whom of `creators`, and of those who get reports, a closed gate holds back, and whom one no longer does; those held, with the reasons."""
    wanted = set(creators)
    with warehouse.connect(settings) as connection:
        states = dict(connection.execute("select creator_id::text, state from ops.report_status").fetchall())
        ended = {creator for creator, state in states.items() if state == "ended"} - wanted
        closed = gates.closed(connection, settings, (states.keys() | wanted) - ended)
        for creator in sorted(closed.keys() - ended):
            _note(connection, creator, run_id, "held", closed[creator], *_last_good(connection, creator))
        connection.execute(_RELEASE, (datetime.now(UTC), run_id, _MISSED, list(closed)))
    return closed


def follow_plans(settings: Settings, entitled: Iterable[str], run_id: str) -> None:
    """Note that whoever is not `entitled`, or is gone from the platform, gets no reports any more."""
    with warehouse.connect(settings) as connection:
        connection.execute(_END, (_ENDED, datetime.now(UTC), run_id, list(entitled)))


def _last_good(connection: psycopg.Connection, creator_id: str) -> tuple[datetime | None, date | None]:
    row = connection.execute(_LAST_GOOD, (creator_id,)).fetchone()
    return (row[0], row[1]) if row else (None, None)


def _note(
    connection: psycopg.Connection,
    creator_id: str,
    run_id: str,
    state: str,
    reason: str | None,
    as_of: datetime | None,
    edition_on: date | None,
) -> None:
    values = {"creator": creator_id, "state": state, "reason": reason, "as_of": as_of, "edition_on": edition_on}
    connection.execute(_NOTE, {**values, "now": datetime.now(UTC), "run": run_id})
