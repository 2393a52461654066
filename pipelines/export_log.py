"""The audit log of exports (`ops.export_log`): append-only, a `started` row before each upload, its outcome after.

Belongs here: writing and reading that table. Does not: rendering, uploading, links (a link is never written down).
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.rows import class_row


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A row of the log. `row_count` and `byte_count` are of the file; `content_digest` is of the frame and contract that it was made from."""

    export_id: UUID
    event: str
    run_id: str
    requested_by: str
    creator_id: str
    report: str
    format: str
    edition_on: date | None = None
    as_of: datetime | None = None
    complete_through: datetime | None = None
    row_count: int | None = None
    byte_count: int | None = None
    sha256: str | None = None
    object_key: str | None = None
    content_digest: str | None = None
    expires_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class LoggedEntry(Entry):
    """An `Entry` as stored: with its number and the moment it was written."""

    log_id: int
    logged_at: datetime


_COLUMNS = list(Entry.__dataclass_fields__)
_SELECT = f"select {', '.join(c + '::text' if c == 'creator_id' else c for c in _COLUMNS)}, log_id, logged_at from ops.export_log"


def new_export_id() -> UUID:
    """The id that a `started` row shares with its outcome."""
    return uuid4()


def record(connection: psycopg.Connection, *entries: Entry) -> None:
    """Append `entries` together. The connection commits by itself (autocommit): a row stands before what it announces begins."""
    if not entries:
        return
    one = sql.SQL("({})").format(sql.SQL(", ").join([sql.Placeholder()] * len(_COLUMNS)))
    connection.execute(
        sql.SQL("insert into ops.export_log ({}) values {}").format(
            sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)), sql.SQL(", ").join([one] * len(entries))
        ),
        [getattr(entry, name) for entry in entries for name in _COLUMNS],
    )


def latest_files(connection: psycopg.Connection, creator_id: str) -> dict[tuple[str, str], LoggedEntry]:
    """The newest good file of each (report, format) of a creator's editions; what was asked for in between, perhaps narrowed, is not among them."""
    query = (
        _SELECT.replace("select ", "select distinct on (report, format) ", 1)
        + " where creator_id = %s and event in ('finished', 'unchanged') and edition_on is not null order by report, format, log_id desc"
    )
    return {(entry.report, entry.format): entry for entry in _entries(connection, query, (creator_id,))}


def edition_before(
    connection: psycopg.Connection, creator_id: str, report: str, edition_on: date, as_of: datetime | None
) -> datetime | None:
    """The as_of of the report's last edition before that of a day. When there is none: of the first that was made on that day, before `as_of`."""
    row = connection.execute(
        """select coalesce(max(as_of) filter (where edition_on < %(on)s), min(as_of) filter (where edition_on = %(on)s and as_of < %(as_of)s))
           from ops.export_log where creator_id = %(creator)s and report = %(report)s and event = 'finished' and edition_on <= %(on)s""",
        {"creator": creator_id, "report": report, "on": edition_on, "as_of": as_of},
    ).fetchone()
    return row[0] if row else None


def uploaded_at(connection: psycopg.Connection, object_key: str) -> datetime | None:
    """When the object at `object_key` was uploaded last, by the log."""
    row = connection.execute(
        "select max(logged_at) from ops.export_log where object_key = %s and event = 'finished'", (object_key,)
    ).fetchone()
    return row[0] if row else None


def digest_at(connection: psycopg.Connection, creator_id: str, report: str, object_key: str) -> str | None:
    """The content digest of what was uploaded to `object_key` last, as `report` of the creator; None when nothing was."""
    row = connection.execute(
        """select content_digest from ops.export_log
           where creator_id = %s and report = %s and object_key = %s and event = 'finished' order by log_id desc limit 1""",
        (creator_id, report, object_key),
    ).fetchone()
    return row[0] if row else None


def edition_files(connection: psycopg.Connection, edition_on: date) -> list[LoggedEntry]:
    """What was delivered in the edition of a day: the newest good file of each creator, report and format."""
    query = (
        _SELECT.replace("select ", "select distinct on (creator_id, report, format) ", 1)
        + " where edition_on = %s and event in ('finished', 'unchanged') order by creator_id, report, format, log_id desc"
    )
    return _entries(connection, query, (edition_on,))


def find_exports(connection: psycopg.Connection, first: str) -> list[LoggedEntry]:
    """Exports and links with an object whose ids begin with `first` (hexadecimal): the newest row of each, three at most."""
    query = (
        _SELECT.replace("select ", "select distinct on (export_id) ", 1)
        + " where export_id::text like %s and object_key is not null and event <> 'revoked' order by export_id, log_id desc limit 3"
    )
    return _entries(connection, query, (f"{first}%",))


def history(connection: psycopg.Connection, creator_id: str | None, limit: int) -> list[LoggedEntry]:
    """The newest `limit` rows, of all creators or of one, newest first."""
    where = " where creator_id = %s" if creator_id else ""
    return _entries(connection, f"{_SELECT}{where} order by log_id desc limit %s", (*([creator_id] if creator_id else []), limit))


def _entries(connection: psycopg.Connection, query: str, parameters: tuple[object, ...]) -> list[LoggedEntry]:
    with connection.cursor(row_factory=class_row(LoggedEntry)) as cursor:
        return cursor.execute(query.encode(), parameters).fetchall()


def hold_rendering(connection: psycopg.Connection, run_id: str) -> None:
    """Show, for as long as `connection` lives, that `run_id` is still rendering."""
    connection.execute("select pg_advisory_lock_shared(hashtextextended(%s, 0))", (f"creator-reports rendering {run_id}",))


def is_rendering(connection: psycopg.Connection, run_id: str) -> bool:
    """Whether `run_id` shows that it lives, in another session than `connection`."""
    name = f"creator-reports rendering {run_id}"
    is_free = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone() == (True,)
    if is_free:
        connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (name,))
    return not is_free


def write_abandoned(connection: psycopg.Connection, run_id: str) -> int:
    """Give an end to each `started` row whose run is gone (killed, machine lost). Returns how many there were."""
    open_runs = connection.execute(
        """select distinct run_id from ops.export_log s where event = 'started' and not exists (
               select from ops.export_log e where e.export_id = s.export_id and e.event in ('finished', 'failed', 'abandoned'))"""
    ).fetchall()
    count = 0
    for (open_run,) in open_runs:
        name = f"creator-reports rendering {open_run}"
        if connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchone() != (True,):
            continue  # that run is alive, in another process
        count += connection.execute(
            """insert into ops.export_log (export_id, event, run_id, requested_by, creator_id, report, format, edition_on, as_of, object_key, reason)
               select export_id, 'abandoned', run_id, requested_by, creator_id, report, format, edition_on, as_of, object_key, %s
               from ops.export_log s where event = 'started' and run_id = %s and not exists (
                   select from ops.export_log e where e.export_id = s.export_id and e.event in ('finished', 'failed', 'abandoned'))
               on conflict do nothing""",
            (f"its run ended without an outcome; noted by run {run_id}", open_run),
        ).rowcount
        connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (name,))
    return count
