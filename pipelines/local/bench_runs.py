"""One hourly run, taken apart: its steps in this warm process, and the whole program as a process of its own.

Belongs here: timing runs and their memory. Does not: what the platform holds or what changes (bench).
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from pipelines import audit, booking, building, ingest, publish, question_groups, warehouse
from pipelines.catalog import Catalog, code_version
from pipelines.settings import Settings

_WATCHED = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Runs a command and prints its peak memory in kB. A small process does: whatever a process starts counts as having had the peak of its parent."""


@dataclass(frozen=True)
class Hour:
    """Seconds of each step of one run in a warm process, and of the costliest models."""

    read: float
    book: float
    group: float
    models: float
    tests: float
    publish: float
    by_model: dict[str, float]

    @property
    def sql_seconds(self) -> float:
        """Models, gate tests and publish; grouping questions is Python and models, and a part of its own."""
        return round(self.models + self.tests + self.publish, 3)


@dataclass(frozen=True)
class Walls:
    """`run hourly` with nothing changed: the whole process by part, again in a warm process, its peak memory, and what importing Great Expectations takes."""

    seconds: float
    parts: dict[str, float]
    warm_seconds: float
    import_seconds: float
    peak_mb: int


def hour(settings: Settings, catalog: Catalog, as_of: datetime, *, is_nightly: bool = False) -> Hour:
    """Run all steps of the hourly job but the doors of value rules; `is_nightly`, those of the nightly one but the comparison."""
    guard = warehouse.RunGuard(settings)
    try:
        run = guard.enter(warehouse.Run(uuid4().hex, "hourly", as_of), _silent)
        took, steps = {}, {
            "read": lambda: ingest.read_source(settings, catalog.sources.values(), run, is_nightly=is_nightly, say=_silent),
            "book": lambda: booking.book(settings, catalog, run, say=_silent),
            "group": lambda: question_groups.group_new(settings, catalog, run, is_nightly=is_nightly, say=_silent),
            "models": lambda: building.build(settings, catalog, run, is_nightly=is_nightly, say=_silent),
            "tests": lambda: building.test(settings, catalog, run, is_nightly=is_nightly),
            "publish": lambda: _publish(settings, catalog, run, is_nightly=is_nightly),
        }  # fmt: skip
        done: dict[str, Any] = {}
        for name, step in steps.items():
            began = time.perf_counter()
            done[name] = step()
            took[name] = round(time.perf_counter() - began, 3)
    finally:
        guard.leave()
    bad = [f"{result.name}: {result.message}" for result in (*done["models"], *done["tests"]) if not result.is_good]
    if bad:
        raise RuntimeError(f"the bench measures good runs only; {'; '.join(bad[:3])}")
    costly = sorted(done["models"], key=lambda result: -result.seconds)
    return Hour(**took, by_model={result.name: result.seconds for result in costly[:6]})


def _publish(settings: Settings, catalog: Catalog, run: warehouse.Run, *, is_nightly: bool) -> None:
    audit.accept_build(settings, run)
    publish.publish(settings, catalog.marts.values(), run, code_version(), is_nightly=is_nightly, say=_silent)


def wall(settings: Settings, instants: Sequence[datetime]) -> Walls:
    """Run the program for the first instant, and the job twice in one process for the two others."""
    began = time.time()
    peak_mb = _peak_of_program("hourly", instants[0])
    ended = time.time()
    imported = _timed(lambda: subprocess.run([sys.executable, "-c", "import great_expectations"], check=True))
    from pipelines.jobs import Runner  # Dagster: seconds to import, and not part of what was measured so far

    runner = Runner(settings)
    runner.run("hourly", as_of=instants[1], write=_ignore)
    warm = _timed(lambda: runner.run("hourly", as_of=instants[2], write=_ignore))
    return Walls(round(ended - began, 2), _parts(settings, began, ended), warm, imported, peak_mb)


def peaks(as_of: datetime) -> dict[str, int]:
    """Peak memory in MB of the runs that do most in Python, after bench_asks.sql. What bench_calm.sql has moved, the night takes for losses."""
    return {
        "run hourly with 500 new questions": _peak_of_program("hourly", as_of),
        "run daily": _peak_of_program("daily", as_of, "--accept-losses"),
    }


def _peak_of_program(job: str, as_of: datetime, *options: str) -> int:
    """Run the program as a process of its own; the peak resident memory in MB of the largest of its processes."""
    command = [str(Path(sys.executable).parent / "creator-reports"), "run", job, "--as-of", as_of.isoformat(), *options]
    finished = subprocess.run([sys.executable, "-c", _WATCHED, *command], capture_output=True, text=True, check=False)
    if finished.returncode:
        raise RuntimeError(f"run {job} failed: {finished.stderr[-500:]}")
    return int(finished.stdout) // 1024


def _parts(settings: Settings, began: float, ended: float) -> dict[str, float]:
    """Seconds until the first step (imports of Dagster and the project), of each step, and what is left."""
    from pipelines import instance

    with instance.open_instance(settings) as opened:
        newest = next(record for record in opened.get_run_records(limit=10) if record.start_time and began < record.start_time < ended)
        steps = sorted(opened.get_run_step_stats(newest.dagster_run.run_id), key=lambda step: step.start_time or 0)
    parts = {"imports and start of Dagster": (steps[0].start_time or 0) - began}
    parts |= {step.step_key: (step.end_time or 0) - (step.start_time or 0) for step in steps}
    parts["between the steps and at the end"] = ended - began - sum(parts.values())
    return {name: round(value, 2) for name, value in parts.items()}


def own_peak_mb() -> int:
    """The peak resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def seconds(connection: psycopg.Connection, statement: str) -> float:
    """Seconds that a statement takes."""
    return _timed(lambda: connection.execute(statement.encode()))


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return round(time.perf_counter() - began, 3)


def _silent(line: str) -> None:
    """Progress that nobody reads."""


def _ignore(step: str, line: str, record: object) -> None:
    """Log records that nobody reads."""
