"""Execute a job in this process, as the schedules would.

Belongs here: tags, partition and outcome of an in-process run. Does not: what the job does (cadence, assets), how it is shown (console).
"""

import getpass
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

from pipelines import heap, instance, publish, telling, warehouse
from pipelines.definitions import build
from pipelines.problem import Problem
from pipelines.run_failures import broken_checks, first_cause, is_interruption
from pipelines.runs import AS_OF_TAG, MORNINGS_JOB, MORNINGS_STEP, REPORTS_STEP, REQUESTED_BY_TAG, listen
from pipelines.settings import Settings

Write = Callable[[str, str, logging.LogRecord], None]


@dataclass(frozen=True)
class Finished:
    """A job that succeeded: its Dagster run id and the instant that it was asked for; `untold` says why the data team could not be told of it, if so."""

    run_id: str
    as_of: datetime | None
    untold: str | None


def _untold(tell: Callable[[], None]) -> str | None:
    """Why nobody could be told: that changes nothing of what became of a run."""
    try:
        tell()
    except Problem as problem:
        return str(problem)
    except psycopg.Error as error:
        return warehouse.explain(error)
    return None


class Runner:
    """Jobs of one process: definitions and instance are loaded once, so a second job starts at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._instance = instance.open_instance(settings, keeps_output=False)
        self._definitions = build(settings)

    def run(
        self,
        job_name: str,
        *,
        as_of: datetime | None = None,
        creators: Sequence[str] = (),
        accepts: Sequence[str] = (),
        write: Write,
    ) -> Finished:
        """Run `hourly`, `daily` or `mornings` to its end, for `as_of` or the last full hour. A failed run is a `Problem` with the first cause,
        one that a signal ended a `KeyboardInterrupt`.

        `accepts` are tags of guards that are not to stop it (runs.ACCEPT_…_TAG).
        """
        tags = {REQUESTED_BY_TAG: f"cli:{getpass.getuser()}", REPOSITORY_LABEL_TAG: instance.REPOSITORY}
        if as_of is not None:
            tags[AS_OF_TAG] = as_of.isoformat()
        tags |= dict.fromkeys(accepts, "yes")
        edition = (as_of or warehouse.current_hour()).date()
        if edition < self._settings.first_day:
            raise self._too_early(as_of or warehouse.current_hour(), job_name)
        config: dict[str, object] = {"loggers": {"console": {}}}
        if creators:
            config["ops"] = {MORNINGS_STEP if job_name == MORNINGS_JOB else REPORTS_STEP: {"config": {"creators": list(creators)}}}
        job = self._definitions.resolve_job_def(job_name)
        with listen(write):
            result = job.execute_in_process(
                run_config=config,
                instance=self._instance,
                partition_key=edition.isoformat() if job_name == "daily" else None,
                tags=tags,
                raise_on_error=False,
            )
        heap.trim()  # a next run in this process begins with as little as this one
        if not result.success:
            failures = [event for event in result.all_events if event.is_step_failure]
            if is_interruption(failures):
                raise KeyboardInterrupt
            raise self._failed(job_name, result.run_id, first_cause(result.get_asset_check_evaluations(), failures))
        broken = broken_checks(result.get_asset_check_evaluations())
        return Finished(result.run_id, as_of, _untold(lambda: telling.run_succeeded(self._settings, job_name, result.run_id, broken)))

    def _failed(self, job_name: str, run_id: str, cause: str) -> Problem:
        """What the caller is told, after the data team was: Dagster's sensors look at the runs that Dagster started."""
        untold = _untold(lambda: telling.run_failed(self._settings, job_name, run_id, cause))
        return Problem(f"{job_name} failed. {cause}" + (f" The data team does not know: {untold}" if untold else ""))

    def _too_early(self, as_of: datetime, job_name: str) -> Problem:
        """Why nothing runs for an instant before FIRST_DAY: an earlier one would not help where tables are published."""
        with warehouse.connect(self._settings, autocommit=True) as connection:
            published = publish.published_as_of(connection)
        if published is not None and as_of < published:
            return Problem(
                f"as_of {as_of:%Y-%m-%d %H:%M} UTC is earlier than what is published ({published:%Y-%m-%d %H:%M} UTC); tables never go back."
            )
        first_day = self._settings.first_day
        return Problem(
            f"{as_of:%Y-%m-%d} lies before {first_day}, the first day that `run {job_name}` is for; set FIRST_DAY to it or earlier."
        )
