"""Exports that creators ask for through the app: who may have what, read one after the other (formats of the same rows together), with the outcome in the row.

Belongs here: plan, gate and limit, serving, links. Does not: the rows (export_line), checking filters and making the file (exports), when it is
looked at (sensors).
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import psycopg

from pipelines import export_line, export_log, gates, publish, warehouse
from pipelines.catalog import Catalog
from pipelines.creator_files import Order, Worker
from pipelines.export_line import Request
from pipelines.export_wishes import Wanted, check
from pipelines.exports import Exporter, Made
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
    with warehouse.connect(settings, autocommit=True) as connection, ExitStack() as stack:
        export_log.hold_rendering(connection, run_id)
        export_line.tidy(connection)
        desk, until = None, time.monotonic() + patience.total_seconds()
        while True:
            requests = export_line.take(connection, run_id, only)
            if requests:
                desk = desk or stack.enter_context(_desk(settings, catalog, order))
                desk.receive(connection, requests)
            ended = desk.ended() if desk else []
            for request, state, why in ended:
                counts[state] += 1
                what = f"request {request.request_id}: {request.type}.{request.format} of creator {request.creator_id}"
                say(f"{what} {_SAID[state]}{why and f': {why}'}")
                if why:
                    note_cause(request.request_id, why)
            if requests or ended:
                until = time.monotonic() + patience.total_seconds()
            elif desk and desk.is_busy:
                desk.wait(export_line.POLL_SECONDS)
            elif time.monotonic() >= until:
                return counts
            else:
                time.sleep(export_line.POLL_SECONDS)


_Ended = tuple[Request, str, str]
"""A request, how it ended, and why it failed (for us, not for the creator)."""


@contextmanager
def _desk(settings: Settings, catalog: Catalog, order: Order) -> Iterator["_Desk"]:
    with (
        closing(Worker(settings, catalog, order)) as worker,
        warehouse.connect(settings, autocommit=True) as outcomes,
        Exporter(settings, worker) as exporter,
    ):
        yield _Desk(settings, exporter, outcomes)


class _Desk:
    """Where requests are received, and their files handed out when they are in the store: by another thread, over the connection `outcomes`."""

    def __init__(self, settings: Settings, exporter: Exporter, outcomes: psycopg.Connection) -> None:
        self._settings, self._exporter, self._outcomes = settings, exporter, outcomes
        self._under_way: list[Future[list[_Ended]]] = []
        self._ended: list[_Ended] = []

    @property
    def is_busy(self) -> bool:
        """Whether files are under way."""
        return bool(self._under_way)

    def receive(self, connection: psycopg.Connection, requests: Sequence[Request]) -> None:
        """Read the rows of requests that want the same in different formats. When the database is gone, that is raised: the next run takes the requests back."""
        allowed: list[tuple[Request, Wanted]] = []
        for request in requests:
            try:
                allowed.append((request, _require_allowed(self._settings, connection, self._exporter.worker.catalog, request)))
            except Problem as problem:
                self._ended.append((request, export_line.end(connection, request, "refused", reason=str(problem)), ""))
        if not allowed:
            return
        asked = [request for request, _ in allowed]
        try:
            self._under_way.append(self._exporter.begin([wanted for _, wanted in allowed], partial(self._hand_out, asked)))
        except psycopg.OperationalError:
            raise
        except Exception as error:
            self._ended += self._hand_out(asked, [error] * len(asked))

    def ended(self) -> list[_Ended]:
        """What has ended since this was asked last."""
        done = [future for future in self._under_way if future.done()]
        self._under_way = [future for future in self._under_way if future not in done]
        ended, self._ended = self._ended + [one for future in done for one in future.result()], []
        return ended

    def wait(self, seconds: float) -> None:
        """Wait so long, or until something ends."""
        wait(self._under_way, seconds, FIRST_COMPLETED)

    def _hand_out(self, requests: Sequence[Request], made: Sequence[Made]) -> list[_Ended]:
        ended = []
        for request, files in zip(requests, made, strict=True):
            if isinstance(files, psycopg.OperationalError):
                raise files
            if isinstance(files, Exception):
                told = "it could not be made; the data team knows. Ask again later."
                ended.append((request, export_line.end(self._outcomes, request, "failed", reason=told), one_line(files)))
            else:
                ended.append((request, self._link(request, files), ""))
        return ended

    def _link(self, request: Request, files: list[export_log.Entry]) -> str:
        """Mint the links, note them in the log, and write them into the row unless it was cancelled meanwhile."""
        row = self._outcomes.execute("select status from ops.export_requests where request_id = %s", (request.request_id,)).fetchone()
        if row != ("rendering",):
            return "cancelled"
        links = []
        for file in files:
            link = self._exporter.worker.store.sign(file.object_key or "", timedelta(hours=self._settings.link_hours))
            entry = replace(file, export_id=export_log.new_export_id(), event="linked", expires_at=link.expires_at)
            export_log.record(self._exporter.worker.log, entry)
            links.append(link)
        return export_line.end(
            self._outcomes,
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
            """select current_plan = 'enterprise' and (plan_expires_at is null or plan_expires_at > clock_timestamp())
               from analytics.creator_overview where creator_id = %s""",
            (request.creator_id,),
        ).fetchone()
    if entitled is None:
        raise Problem("there is no such creator, or the first run that saw it is not over yet.")
    if not entitled[0]:
        raise Problem("exports belong to the enterprise plan.")
    if reason := gates.closed(connection).get(request.creator_id) or gates.lag(connection, settings):
        raise Problem(f"new files wait until the data is in order again ({reason}); ask again later.")
    earlier = connection.execute(
        """select count(*), min(requested_at) from ops.export_requests
           where creator_id = %s and request_id <> %s and status <> 'refused' and requested_at <= %s and requested_at > %s""",
        (request.creator_id, request.request_id, request.requested_at, request.requested_at - LIMIT_WINDOW),
    ).fetchone()
    if earlier is not None and earlier[0] >= settings.exports_per_hour:
        again = earlier[1] + LIMIT_WINDOW + timedelta(minutes=1)  # of its hour only the minute is said
        raise Problem(
            f"{settings.exports_per_hour} exports an hour are the limit, cancelled ones included; the next one can be asked for at {again:%H:%M} UTC."
        )
    return wanted
