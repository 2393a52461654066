"""What a Dagster run of ours computes for, and its turn at the lock.

Belongs here: `as_of`, edition day and requester of a run (from its tags), the lock as a Dagster resource, errors as Dagster shows them.
Does not: jobs and schedules (cadence), the lock itself (warehouse).
"""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from typing import Any

import dagster as dg
import psycopg
from dagster._core.errors import DagsterExecutionInterruptedError

from pipelines import publish, warehouse
from pipelines.instance import keep_connections
from pipelines.problem import Problem
from pipelines.settings import Settings

AS_OF_TAG = "creator-reports/as_of"
TICK_TAG = "creator-reports/tick"
ACCEPT_DELETIONS_TAG = "creator-reports/accept_deletions"
"""Whatever its value: this run follows the source even where so much is gone that a run stops."""
ACCEPT_LOSSES_TAG = "creator-reports/accept_losses"
"""Whatever its value: this run publishes tables that lose more rows than the guard allows."""
REQUESTED_BY_TAG = "creator-reports/requested_by"
PARTITION_TAG = "dagster/partition"
NIGHTLY_JOB = "daily"
"""The job that reads far back, tests everything and renders."""
MORNINGS_JOB = "mornings"
"""The job that mails."""
MORNINGS_STEP = "send_mornings"
"""Its step. Dagster wants another name for a job than for any of its steps."""
EXPORTS_JOB = "exports"
"""The job that makes what creators ask for."""
DAILY_TICK = time(3, tzinfo=UTC)
"""When the daily job is due, UTC."""

REPORTS_STEP = "reports"
READING_STEPS = frozenset({"read", "book"})
PUBLISHING_STEP = "publish"

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


def has_step(context: Context, *names: str) -> bool:
    """Whether one of these steps is in the run: from the UI people run some assets, or checks, alone."""
    return any(node.name in names for node in context.job_def.nodes)


def settle_as_of(tags: Mapping[str, str], published: datetime | None, now: datetime, *, reads: bool = True) -> datetime:
    """The instant that a run computes for, UTC. One that reads nothing (a table built again by hand) stays at the instant that the other tables are of.

    An explicit one (`creator-reports/as_of`) is taken as it is, or refused when it lies before what is published or after `now`. A scheduled tick that
    comes late, or no instant at all, moves up to what is published already: late runs repair, they never turn tables back. The edition of a past day is
    refused: its reports are what was delivered then.
    """
    if not reads and published is not None:
        return published
    hour = now.replace(minute=0, second=0, microsecond=0)
    edition = date.fromisoformat(tags[PARTITION_TAG]) if PARTITION_TAG in tags else None
    if published is not None and edition is not None and edition < published.date():
        raise Problem(
            f"{edition} is past: the tables are published as of {published:%Y-%m-%d %H:%M} UTC. Materialize only that day's report assets to list what was delivered."
        )
    if AS_OF_TAG in tags:
        return _check_explicit(datetime.fromisoformat(tags[AS_OF_TAG]), published, now)
    if TICK_TAG in tags:
        wanted = datetime.fromisoformat(tags[TICK_TAG])
    else:
        wanted = hour if edition is None else min(hour, datetime.combine(edition, DAILY_TICK)) if edition < now.date() else hour
    return max(wanted, published) if published is not None else wanted


def _check_explicit(as_of: datetime, published: datetime | None, now: datetime) -> datetime:
    if as_of > now:
        raise Problem(f"as_of {as_of:%Y-%m-%d %H:%M} UTC lies in the future; give an instant that has passed.")
    if published is not None and as_of < published:
        raise Problem(
            f"as_of {as_of:%Y-%m-%d %H:%M} UTC is earlier than what is published ({published:%Y-%m-%d %H:%M} UTC); tables never go back."
        )
    return as_of


def enter_run(context: Context) -> warehouse.Run:
    """The run of this step, its lock held and its `as_of` settled; waits for a run that is under way."""
    guard: warehouse.RunGuard = context.resources.run_guard
    now = datetime.now(UTC)
    tags = context.run.tags
    run = warehouse.Run(context.run.run_id, context.run.job_name, now)
    reads = has_step(context, *READING_STEPS)
    return guard.enter(run, context.log.info, lambda connection: settle_as_of(tags, publish.reached_as_of(connection), now, reads=reads))


def chosen_creators(context: Context) -> list[str]:
    """Ids or names of the creators to whom the Launchpad (or the command line) narrows the reports of this run."""
    config: Mapping[str, Any] = context.run.run_config
    return list(config.get("ops", {}).get(REPORTS_STEP, {}).get("config", {}).get("creators", []))


def requester(tags: Mapping[str, str]) -> str:
    """Who asked for a run: `schedule`, `cli:<user>` or `ui`."""
    return tags.get(REQUESTED_BY_TAG) or ("schedule" if "dagster/schedule_name" in tags else "ui")


def build_guard(settings: Settings) -> dg.ResourceDefinition:
    """The run lock as a resource, so that Dagster lets it go when the run ends, however it ends."""

    @dg.resource(description="Holds the run lock from the first step that writes to the publish.")
    def run_guard(context: dg.InitResourceContext) -> Iterator[warehouse.RunGuard]:
        if context.instance is not None:  # the process of a run that UI or schedule started opened it itself
            keep_connections(context.instance)
        guard = warehouse.RunGuard(settings)
        try:
            yield guard
        finally:
            guard.leave()

    return run_guard


STOPPED = "stopped by a signal"


@contextmanager
def plain_failures(*, is_retried: bool = False) -> Iterator[None]:
    """Show a `Problem`, and Postgres' own errors, in Dagster as one line; a retry is left to errors that time may heal.

    A step that has a retry policy says so (`is_retried`): Dagster would try again what a Ctrl-C or the UI's Terminate has just stopped.
    """
    try:
        yield
    except (DagsterExecutionInterruptedError, KeyboardInterrupt):
        if not is_retried:
            raise
        raise dg.Failure(STOPPED, allow_retries=False) from None
    except Problem as problem:
        raise dg.Failure(str(problem), allow_retries=False) from None
    except psycopg.OperationalError as error:
        raise dg.Failure(warehouse.explain(error)) from error
    except psycopg.Error as error:
        raise dg.Failure(warehouse.explain(error), allow_retries=False) from error


_UNSAID = "Dependencies for step "
"""How Dagster begins a line for each step after one that failed: seven of them would bury the one that matters."""


class _LineHandler(logging.Handler):
    """Hands each record on as (step, line, record): without the run id and job name that Dagster puts before every message."""

    def __init__(self, write: Callable[[str, str, logging.LogRecord], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", {})
        line = str(meta.get("orig_message") or record.getMessage())
        if not line.startswith(_UNSAID):
            self._write(str(meta.get("step_key") or ""), line, record)


_writers: list[Callable[[str, str, logging.LogRecord], None]] = []


@contextmanager
def listen(write: Callable[[str, str, logging.LogRecord], None]) -> Iterator[None]:
    """Give `write` every log record of runs executed in this process meanwhile, as step, line and record."""
    _writers.append(write)
    try:
        yield
    finally:
        _writers.remove(write)


def _print_line(step: str, line: str, record: logging.LogRecord) -> None:
    if record.levelno >= logging.INFO:
        sys.stderr.write(f"{datetime.fromtimestamp(record.created, UTC):%H:%M:%S} {record.levelname.lower():7} {step:16} {line}" + "\n")


@dg.logger({}, description="One readable line per message: time (UTC), level, step, text.")
def console_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """Dagster's console logger of this project; `listen` redirects it."""
    logger = logging.Logger("creator-reports", logging.DEBUG)
    logger.addHandler(_LineHandler(_writers[-1] if _writers else _print_line))
    return logger
