"""A process that runs the pipeline in children that end themselves by SIGKILL, as `python -m tests.oracle.mortal`.

Belongs here: the points at which a child may die, and doing so. Does not: what is true after it (tests/test_kills.py).

It reads lines of JSON: `database_url`, `as_of`, `is_nightly`, and `point` (the number of the point to die at; null: run to the end). It answers each with a line of JSON:
the names of the points that the run passed, or null when it was killed. It runs those that live itself, without dbt's
tests; so its children start warm.
"""

import functools
import json
import os
import signal
import sys
from datetime import datetime
from typing import Any

import dbt.cli.main

from pipelines import compiled, pieces
from pipelines.catalog import load_catalog
from pipelines.dbt_runs import NodeResult
from pipelines.settings import Settings
from tests.oracle.warm import Warm

CATALOG = load_catalog()

passed: list[str] = []
"""Points of this run so far: a model that is built, a step that is done."""

deadly: int | None = None
"""The number of the point to die at."""

is_compiling = False


def reach(point: str) -> None:
    """Note a point, or die there."""
    if len(passed) == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    passed.append(point)


def note(event: Any) -> None:
    """dbt's own notice of a model that is built. One that is compiled only is no point: nothing is written until all of them are."""
    if not is_compiling and event.info.name == "NodeFinished" and event.data.node_info.resource_type in ("model", "seed"):
        reach(event.data.node_info.node_name)


def compile_unnoted(*arguments: Any) -> list[NodeResult]:
    """dbt compiles the SQL of touched keys."""
    global is_compiling
    is_compiling = True
    try:
        return run_dbt(*arguments)
    finally:
        is_compiling = False


def compute_and_note(*arguments: Any) -> NodeResult:
    """A model that is brought up to date by touched keys, and the notice that it is done."""
    result = compute(*arguments)
    reach(result.name)
    return result


run_dbt = compiled.run_dbt
compiled.run_dbt = compile_unnoted
compute = pieces.compute
pieces.compute = compute_and_note  # pyrefly: ignore
# The pipeline takes dbt's runner from this module when it needs it.
dbt.cli.main.dbtRunner = functools.partial(dbt.cli.main.dbtRunner, callbacks=[note])


def run(request: dict[str, Any]) -> None:
    """One run, in this process."""
    settings = Settings(_env_file=None, database_url=request["database_url"], s3_bucket="not-used")  # pyrefly: ignore
    as_of, is_tested = datetime.fromisoformat(request["as_of"]), request["point"] is not None
    Warm(settings, CATALOG).run(as_of, is_nightly=request["is_nightly"], is_tested=is_tested, after=reach)


def run_and_die(request: dict[str, Any]) -> bool:
    """One run in a child that dies at its point; whether it did."""
    child = os.fork()
    if child == 0:
        global deadly
        deadly = request["point"]
        try:
            run(request)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def serve() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        request = json.loads(line)
        passed.clear()
        if request["point"] is None:
            run(request)
            answer = list(passed)
        else:
            answer = None if run_and_die(request) else []
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
