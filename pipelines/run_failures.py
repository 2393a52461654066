"""Why a run failed, in the line that a person needs.

Belongs here: reading Dagster's events of a run. Does not: telling anybody (jobs, watching).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster._utils.error import SerializableErrorInfo

from pipelines.problem import connection_broke, no_space
from pipelines.runs import STOPPED

_BROKEN = {"OperationalError", "InterfaceError", "AdminShutdown", "CrashShutdown", "CannotConnectNow", "DiskFull"}
"""Errors of psycopg2 and SQLAlchemy, by name: only libraries use them, nothing of ours imports them."""


@dataclass(frozen=True)
class BrokenCheck:
    """A check that does not hold: its asset, its name there, and what it is for."""

    asset: str
    name: str
    description: str

    def __str__(self) -> str:
        return f"{self.asset}: {self.name} ({self.description})"


def broken_checks(evaluations: Iterable[dg.AssetCheckEvaluation]) -> list[BrokenCheck]:
    """Checks of severity error that do not hold; most of them hold back some creators and stop nothing."""
    return [
        BrokenCheck(evaluation.asset_key.to_user_string(), evaluation.check_name, evaluation.description or "no description")
        for evaluation in evaluations
        if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR
    ]


def is_interruption(failures: Iterable[dg.DagsterEvent]) -> bool:
    """Whether a signal (Ctrl-C, SIGTERM) ended a step, not a failure of its own."""
    for data in (event.step_failure_data for event in failures):
        if data.user_failure_data is not None and data.user_failure_data.description == STOPPED:
            return True
        if data.error is not None and data.error.cls_name in {"DagsterExecutionInterruptedError", "KeyboardInterrupt"}:
            return True
    return False


def first_cause(evaluations: Iterable[dg.AssetCheckEvaluation], failures: Sequence[dg.DagsterEvent]) -> str:
    """The broken checks that stop a run, else the first failed step's own words. `failures` are the run's step failures in their order."""
    if broken := broken_checks(evaluation for evaluation in evaluations if evaluation.blocking):
        more = f" and {len(broken) - 3} more" if len(broken) > 3 else ""
        return (
            f"Checks do not hold: {'; '.join(map(str, broken[:3]))}{more}. Nothing was published; `creator-reports check` shows them all."
        )
    for event in failures:
        data = event.step_failure_data
        if data.user_failure_data is not None and data.user_failure_data.description:
            return f"{event.step_key}: {data.user_failure_data.description}"
        return f"{event.step_key}: {_words_of(data.error)}" if data.error else f"{event.step_key} failed"
    return "See the run in the Dagster UI."


def _words_of(error: SerializableErrorInfo) -> str:
    """What an error that no step put in words says: in a sentence where Great Expectations' or Dagster's own connection to Postgres broke."""
    link: SerializableErrorInfo | None = error
    while link is not None:
        if link.cls_name in _BROKEN:
            # "sqlalchemy.exc.OperationalError: (psycopg2.errors.DiskFull) could not extend …", then hints, and the statement.
            said = re.sub(r"^(\S+: )?(\(\S+\) )?", "", link.message.strip().splitlines()[0]).rstrip(".")
            return no_space(said) if "DiskFull" in f"{link.cls_name} {link.message}" else connection_broke(said)
        link = link.cause
    return " ".join((error.cause or error).message.split())
