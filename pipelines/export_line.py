"""The line of exports that were asked for (`ops.export_requests`): getting into it, being taken on, the outcome.

Belongs here: reading and writing that table. Does not: who may have what, and making it (export_requests).

A request is taken on by one run only, which shows that it lives by a lock; what a dead run had taken on is taken back. The link stands in the row,
where row security shows it to its creator alone, until it ends.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from pipelines import export_log, warehouse
from pipelines.export_wishes import Wanted
from pipelines.problem import Problem
from pipelines.settings import Settings

POLL_SECONDS = 0.5
_ATTEMPTS = 3


@dataclass(frozen=True)
class Request:
    """A request that was taken on. `filters` is whatever JSON the app wrote."""

    request_id: UUID
    creator_id: str
    type: str
    format: str
    filters: Any
    requested_by: str
    requested_at: datetime


@dataclass(frozen=True)
class Outcome:
    """What a request's row says."""

    status: str
    reason: str | None
    row_count: int | None
    byte_count: int | None
    link: str | None
    sidecar_link: str | None
    link_ends_at: datetime | None


def ask(settings: Settings, wanted: Wanted, requested_by: str) -> UUID:
    """Put a request in line, as the app does; its id."""
    with warehouse.connect(settings) as connection:
        row = connection.execute(
            "insert into ops.export_requests (creator_id, type, format, filters, requested_by) values (%s, %s, %s, %s, %s) returning request_id",
            (wanted.creator_id, wanted.export_type, wanted.format, Jsonb(dict(wanted.filters)), requested_by),
        ).fetchone()
    assert row is not None  # the statement always returns the row
    return row[0]


def outcome(settings: Settings, request_id: UUID) -> Outcome:
    """What has become of a request so far."""
    columns = ", ".join(Outcome.__dataclass_fields__)
    with warehouse.connect(settings) as connection, connection.cursor(row_factory=class_row(Outcome)) as cursor:
        found = cursor.execute(f"select {columns} from ops.export_requests where request_id = %s".encode(), (request_id,)).fetchone()
    if found is None:
        raise Problem(f"there is no request {request_id}.")
    return found


def await_outcome(settings: Settings, request_id: UUID, patience: timedelta = timedelta(minutes=10)) -> Outcome:
    """What becomes of a request, also when another run has taken it on."""
    until = time.monotonic() + patience.total_seconds()
    found = outcome(settings, request_id)
    while found.status in {"requested", "rendering"} and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
        found = outcome(settings, request_id)
    return found


def tidy(connection: psycopg.Connection) -> int:
    """Blank links that have ended, or whose request was cancelled or whose files were revoked; take back what dead runs had taken on. How many wait."""
    connection.execute(
        """update ops.export_requests as r set link = null, sidecar_link = null,
               reason = case when status = 'done' and link_ends_at > clock_timestamp() then 'its link was revoked; ask again' else reason end
           where link is not null and (link_ends_at <= clock_timestamp() or status = 'cancelled' or not exists (
               select from ops.generations as g where g.creator_id = r.creator_id and position('/' || g.generation || '/' in r.object_key) > 0)
               or exists (select from ops.revoked_keys as k where k.creator_id = r.creator_id and k.object_key = r.object_key))"""
    )
    for (run_id,) in connection.execute("select distinct run_id from ops.export_requests where status = 'rendering'").fetchall():
        if export_log.is_rendering(connection, run_id):
            continue
        connection.execute(
            """update ops.export_requests set status = case when attempt_count >= %s then 'failed' else 'requested' end, run_id = null,
                   reason = case when attempt_count >= %s then 'it could not be made; the data team knows' end,
                   ended_at = case when attempt_count >= %s then clock_timestamp() end
               where status = 'rendering' and run_id = %s""",
            (_ATTEMPTS, _ATTEMPTS, _ATTEMPTS, run_id),
        )
    row = connection.execute("select count(*) from ops.export_requests where status = 'requested'").fetchone()
    return row[0] if row else 0


def take(connection: psycopg.Connection, run_id: str, only: UUID | None) -> list[Request]:
    """Take on the request that has waited longest, and those that want the same rows in other formats: they are read once for all. None when nobody waits."""
    with connection.cursor(row_factory=class_row(Request)) as cursor:
        return cursor.execute(
            """with first as (
                   select request_id, creator_id, type, filters, format from ops.export_requests
                   where status = 'requested' and (%(only)s::uuid is null or request_id = %(only)s)
                   order by requested_at, request_id limit 1 for update skip locked),
               alike as (
                   select r.request_id, r.format, r.requested_at from ops.export_requests as r inner join first as f using (creator_id, type, filters)
                   where r.status = 'requested' and r.format <> f.format and %(only)s::uuid is null for update of r skip locked),
               taken as (
                   select request_id from first
                   union all (select distinct on (format) request_id from alike order by format, requested_at, request_id))
               update ops.export_requests set status = 'rendering', run_id = %(run_id)s, attempt_count = attempt_count + 1, started_at = clock_timestamp()
               where request_id in (select request_id from taken)
               returning request_id, creator_id::text, type, format, filters, requested_by, requested_at""",
            {"only": only, "run_id": run_id},
        ).fetchall()


def end(connection: psycopg.Connection, request: Request, status: str, **values: Any) -> str:
    """Write the outcome, unless the app cancelled the request: then that is the outcome."""
    names = ["reason", "row_count", "byte_count", "object_key", "as_of", "link", "sidecar_link", "link_ends_at"]
    places = ", ".join(f"{name} = %({name})s" for name in names)
    done = connection.execute(
        f"update ops.export_requests set status = %(status)s, ended_at = clock_timestamp(), {places} where request_id = %(id)s and status = 'rendering'".encode(),
        dict.fromkeys(names) | values | {"status": status, "id": request.request_id},
    )
    return status if done.rowcount else "cancelled"
