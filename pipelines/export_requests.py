"""Exports that creators ask for through the app: who may have what, made one after the other (formats of the same rows together), with the outcome in the row.

Belongs here: plan, gate and limit, serving, links. Does not: the rows (export_line), checking filters and making the file (exports), when it is
looked at (sensors).
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from pipelines import export_line, export_log, exports, gates, publish, warehouse
from pipelines.catalog import Catalog
from pipelines.creator_files import Order, Worker
from pipelines.export_line import Request
from pipelines.export_wishes import Wanted, check
from pipelines.problem import Problem, UsageProblem, one_line
from pipelines.settings import Settings

LIMIT_WINDOW = timedelta(hours=1)
_SAID = {"done": "is done", "failed": "failed", "refused": "is refused", "cancelled": "is cancelled"}


def serve(
    settings: Settings,
    catalog: Catalog,
    run_id: str,
    *,
    only: UUID | None = None,
    patience: timedelta = timedelta(0),
    say: Callable[[str], None] = lambda line: None,
    note_cause: Callable[[UUID, str], None] = lambda request_id, cause: None,
) -> Counter[str]:
    """Serve all requests that wait (or `only` one), oldest first, and those that come within `patience` of the last; counts by outcome.

    `note_cause` is told why a request failed; its row says so in words for the creator."""
    counts: Counter[str] = Counter()
    order = Order(run_id, "export request", datetime.now(UTC).date(), ())
    with warehouse.connect(settings, autocommit=True) as connection:
        export_log.hold_rendering(connection, run_id)
        export_line.tidy(connection)
        worker, until = None, time.monotonic() + patience.total_seconds()
        try:
            while True:
                requests = export_line.take(connection, run_id, only)
                if not requests and time.monotonic() >= until:
                    return counts
                if not requests:
                    time.sleep(export_line.POLL_SECONDS)
                    continue
                worker = worker or Worker(settings, catalog, order)
                for request, state, why in _serve_alike(settings, connection, worker, requests):
                    counts[state] += 1
                    say(
                        f"request {request.request_id}: {request.type}.{request.format} of creator {request.creator_id} {_SAID[state]}{why and f': {why}'}"
                    )
                    if why:
                        note_cause(request.request_id, why)
                until = time.monotonic() + patience.total_seconds()
        finally:
            if worker is not None:
                worker.close()


def _serve_alike(
    settings: Settings, connection: psycopg.Connection, worker: Worker, requests: Sequence[Request]
) -> Iterator[tuple[Request, str, str]]:
    """Serve requests that want the same rows in different formats; each with its outcome, and why it failed (for us, not for the creator)."""
    allowed: list[tuple[Request, Wanted]] = []
    for request in requests:
        try:
            allowed.append((request, _require_allowed(settings, connection, worker.catalog, request)))
        except Problem as problem:
            yield request, export_line.end(connection, request, "refused", reason=str(problem)), ""
    if not allowed:
        return
    made = _make(worker, [wanted for _, wanted in allowed])
    for (request, _), files in zip(allowed, made, strict=True):
        if isinstance(files, Exception):
            told = "it could not be made; the data team knows. Ask again later."
            yield request, export_line.end(connection, request, "failed", reason=told), one_line(files)
        else:
            yield request, _hand_out(settings, connection, worker, request, files), ""


def _make(worker: Worker, wanted: Sequence[Wanted]) -> Sequence[list[export_log.Entry] | Exception]:
    """What `exports.make_all` gives, or for each the trouble that let it not begin. When the database is gone, that is raised: the next run takes the requests back."""
    try:
        made = exports.make_all(worker, wanted)
    except psycopg.OperationalError:
        raise
    except Exception as error:
        return [error] * len(wanted)
    for one in made:
        if isinstance(one, psycopg.OperationalError):
            raise one
    return made


def _hand_out(settings: Settings, connection: psycopg.Connection, worker: Worker, request: Request, files: list[export_log.Entry]) -> str:
    """Mint the links, note them in the log, and write them into the row unless it was cancelled meanwhile."""
    row = connection.execute("select status from ops.export_requests where request_id = %s", (request.request_id,)).fetchone()
    if row != ("rendering",):
        return "cancelled"
    links = []
    for file in files:
        link = worker.store.sign(file.object_key or "", timedelta(hours=settings.link_hours))
        export_log.record(worker.log, replace(file, export_id=export_log.new_export_id(), event="linked", expires_at=link.expires_at))
        links.append(link)
    return export_line.end(
        connection,
        request,
        "done",
        row_count=files[0].row_count,
        byte_count=files[0].byte_count,
        object_key=files[0].object_key,
        as_of=files[0].as_of,
        link=links[0].url,
        sidecar_link=links[1].url if len(links) > 1 else None,
        link_ends_at=links[0].expires_at,
    )


def _require_allowed(settings: Settings, connection: psycopg.Connection, catalog: Catalog, request: Request) -> Wanted:
    """The export that is wanted; a `Problem` in words for the creator when it cannot be had."""
    if not isinstance(request.filters, dict):
        raise UsageProblem("filters is not a JSON object.")
    who = f"{request.requested_by} (request {request.request_id})"[:200]
    wanted = Wanted(request.creator_id, request.type, request.format, request.filters, requested_by=who)
    check(catalog, wanted)
    if publish.published_as_of(connection) is None:
        raise Problem("nothing is published yet; ask again in an hour.")
    with connection.transaction():
        warehouse.set_role(connection, "bi_reader")
        entitled = connection.execute(
            """select 1 from analytics.creator_overview where creator_id = %s and current_plan = 'enterprise'
               and (plan_expires_at is null or plan_expires_at > clock_timestamp())""",
            (request.creator_id,),
        ).fetchone()
    if entitled is None:
        raise Problem("exports belong to the enterprise plan.")
    if reason := gates.closed(connection).get(request.creator_id) or gates.lag(connection, settings):
        raise Problem(f"new files wait until the data is in order again ({reason}); ask again later.")
    earlier = connection.execute(
        """select count(*), min(requested_at) from ops.export_requests
           where creator_id = %s and request_id <> %s and status <> 'refused' and requested_at <= %s and requested_at > %s""",
        (request.creator_id, request.request_id, request.requested_at, request.requested_at - LIMIT_WINDOW),
    ).fetchone()
    if earlier is not None and earlier[0] >= settings.exports_per_hour:
        again = earlier[1] + LIMIT_WINDOW
        raise Problem(f"{settings.exports_per_hour} exports an hour are the limit; the next one can be asked for at {again:%H:%M} UTC.")
    return wanted
