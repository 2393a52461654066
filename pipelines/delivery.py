"""A morning's mail from the gate to the outbox: what is new, the fresh report, the link, the send, the row.

Belongs here: the order of these and what came of it. Does not: whose morning it is (mornings), what a mail holds (letters) and how it
reads (reports/mail.py), its row (outbox), SMTP (mail_server).

A mail is sent within the transaction that writes its row in `ops.outbox`, and that transaction commits once the server has answered 250. Whoever
else tries the same mail meanwhile waits for the row. So a mail is never lost, and goes out twice only when we are killed between the server's 250
and our commit; then both have the same Message-ID.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import psycopg

from pipelines import export_log, letters, mail_server, mornings, outbox, publish, render, warehouse
from pipelines.catalog import Catalog
from pipelines.creator_files import Order
from pipelines.mail_server import MailServer, NotTaken
from pipelines.mornings import Edition, Morning
from pipelines.problem import Problem
from pipelines.settings import Settings
from pipelines.store import LONGEST_LINK, Store
from reports.mail import render_mail

_PATIENCE = 3
"""After this many mails in a row that found no server, the rest is left to the next hour."""


@dataclass
class Outcome:
    """What became of the mornings that were due: counts by state, lines on mails that were not taken, and how many of the last found no server."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    unreachable_count: int = 0

    @property
    def success_rate(self) -> float:
        """Mails sent, over mails that were to be sent, 0 to 1; 1 when there were none."""
        tried = self.counts["sent"] + self.counts["failed"] + self.counts["waiting"]
        return self.counts["sent"] / tried if tried else 1.0


@dataclass(frozen=True)
class Trip:
    """One walk through the mornings: when, for which run, and who asked."""

    now: datetime
    run_id: str
    requested_by: str


def deliver(
    settings: Settings, catalog: Catalog, trip: Trip, chosen: Sequence[str] = (), *, say: Callable[[str], None] = lambda line: None
) -> Outcome:
    """Render and mail what is due at `trip.now`, to all creators or those `chosen`. One creator's failure is a row; the rest go on.

    Raises:
        Problem: no mail server is set, it refuses all that we send, or it cannot be reached; or the mornings of `trip.now` are long over.
    """
    server, outcome = MailServer(settings), Outcome()
    with (
        warehouse.connect(settings, autocommit=True) as connection,
        warehouse.connect(settings, autocommit=True) as reader,
        contextlib.closing(server),
    ):
        mornings.require_present(trip.now, as_of := publish.published_as_of(connection))
        desk = _Desk(settings, catalog, connection, reader, server, Store(settings), trip)
        due, reason = mornings.due(connection, trip.now, chosen), mornings.closed_gates(connection, settings, trip.now)
        ready = [morning for morning in due if not _is_held(desk, morning, reason(morning.creator_id), outcome)]
        ready = [morning for morning in ready if not _is_quiet(desk, morning, outcome)]
        say(f"{len(due)} mornings are due, {len(ready)} of them have something to send")
        _render(settings, catalog, trip, ready, say)
        for morning in ready:
            _try_one(desk, morning, as_of, outcome)
    return outcome


@dataclass(frozen=True)
class _Desk:
    """What sending needs: `connection` for the outbox, `reader` for a creator's rows and for the log, which keeps what the outbox rolls back."""

    settings: Settings
    catalog: Catalog
    connection: psycopg.Connection
    reader: psycopg.Connection
    server: MailServer
    store: Store
    trip: Trip


def _is_held(desk: _Desk, morning: Morning, why: str | None, outcome: Outcome) -> bool:
    """Whether the morning waits for its gate; at the last call, and without a usable address, that is its outcome."""
    if not morning.has_address:
        outbox.settle(desk.connection, morning, "failed", "export_preferences.email is not an address")
        outcome.counts["without_address"] += 1
        return True
    if why is not None and morning.is_last_call:
        outbox.settle(desk.connection, morning, "skipped", f"the gate was closed until noon: {why}")
    if why is not None:
        outcome.counts["skipped" if morning.is_last_call else "held"] += 1
    return why is not None


def _is_quiet(desk: _Desk, morning: Morning, outcome: Outcome) -> bool:
    """Whether a mail would say nothing: then there is none."""
    found = letters.why_none(desk.reader, morning)
    if found is None:
        return False
    reason, told = found
    outbox.settle(desk.connection, morning, "skipped", reason, told)
    outcome.counts["quiet"] += 1
    return True


def _render(settings: Settings, catalog: Catalog, trip: Trip, ready: Iterable[Morning], say: Callable[[str], None]) -> None:
    """Fresh files for the mornings; what has not changed stays. A creator that fails shows when its mail looks for the report."""
    groups: dict[tuple[date, Edition], list[str]] = {}
    for morning in ready:
        groups.setdefault((morning.local_on, morning.edition), []).append(morning.creator_id)
    for (local_on, edition), creators in sorted(groups.items()):
        order = Order(trip.run_id, trip.requested_by, local_on, catalog.edition(edition))
        tally = render.render_all(settings, catalog, order, creators, say=say)
        for problem in tally.problems[:20]:
            say(problem)


def page_of(catalog: Catalog, edition: Edition) -> str:
    """The report that an edition's mail links to: its page."""
    return next(name for name in catalog.edition(edition) if "html" in catalog.reports[name].scheduled)


def _try_one(desk: _Desk, morning: Morning, as_of: datetime | None, outcome: Outcome) -> None:
    """Send one mail and count what became of it; a `Problem` when no further mail makes sense."""
    try:
        state = _send_one(desk, morning, as_of)
        outcome.unreachable_count = 0
    except NotTaken as error:
        state = _give_back(desk.connection, morning, str(error), is_final=error.is_final)
        outcome.problems.append(f"creator {morning.creator_id}: {error}")
        outcome.unreachable_count = outcome.unreachable_count + 1 if error.is_unreachable else 0
    except Problem as problem:
        _give_back(desk.connection, morning, str(problem), is_final=False)
        raise
    outcome.counts[state] += 1
    if outcome.unreachable_count >= _PATIENCE:
        raise Problem(
            "the mail server cannot be reached; see that it runs (SMTP_HOST, SMTP_PORT). Mails that are due go out with the next hour's run."
        )


def _give_back(connection: psycopg.Connection, morning: Morning, reason: str, *, is_final: bool) -> str:
    """Note a vain attempt: it is tried again until noon, unless the server said never."""
    is_over = is_final or morning.is_last_call
    outbox.settle(connection, morning, "failed" if is_over else "waiting", reason)
    return "failed" if is_over else "waiting"


def _send_one(desk: _Desk, morning: Morning, as_of: datetime | None) -> str:
    """One mail in one transaction. Returns `sent`, `waiting` or `failed` (no fresh report), or `settled` (another process was faster)."""
    connection = desk.connection
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"creator-reports mail {morning.creator_id}",))
        if outbox.is_settled(connection, morning):
            return "settled"
        report = _fresh_report(desk, morning, as_of)
        if report is None:
            return _give_back(connection, morning, "its report could not be rendered; see `creator-reports history`", is_final=False)
        link = desk.store.sign(report.object_key or "", _lifetime(desk.settings, morning.edition))
        noted = replace(as_entry(report), export_id=export_log.new_export_id(), event="linked", run_id=desk.trip.run_id)
        export_log.record(desk.reader, replace(noted, requested_by=desk.trip.requested_by, expires_at=link.expires_at))
        told = letters.read_news(desk.reader, morning)
        letter = letters.write(desk.settings, desk.reader, morning, report.as_of or desk.trip.now, told.news, link)
        outbox.settle(connection, morning, "sent", None, told, report.object_key, link.expires_at)
        name = outbox.message_id(morning.creator_id, morning.edition, morning.local_on)
        desk.server.send(mail_server.compose(desk.settings, morning.email, render_mail(letter), name, desk.trip.now))
    return "sent"


def as_entry(logged: export_log.LoggedEntry) -> export_log.Entry:
    """A row of the log without its number and moment, to note something of the same file."""
    return export_log.Entry(**{name: getattr(logged, name) for name in export_log.Entry.__dataclass_fields__})


def _fresh_report(desk: _Desk, morning: Morning, as_of: datetime | None) -> export_log.LoggedEntry | None:
    """The page that was rendered for this morning, of the generation that is valid now, which stays so until the mail is sent."""
    connection = desk.connection
    row = connection.execute("select generation from ops.generations where creator_id = %s for share", (morning.creator_id,)).fetchone()
    found = export_log.latest_files(connection, morning.creator_id).get((page_of(desk.catalog, morning.edition), "html"))
    if found is None or row is None or found.as_of is None or as_of is None:
        return None
    return found if found.edition_on == morning.local_on and found.as_of >= as_of and f"/{row[0]}/" in (found.object_key or "") else None


def _lifetime(settings: Settings, edition: Edition) -> timedelta:
    return LONGEST_LINK if edition == "weekly" else timedelta(hours=settings.link_hours)
