"""The order in which models are brought up to date by touched keys: what rests on what, some of them, and parts of large ones, at the same time.

Belongs here: which model is next, connections that work at the same time. Does not: what is written to a model's table (pieces), which keys a part has (parts).
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue

import psycopg

from pipelines import additions, pieces, warehouse
from pipelines.dbt_runs import NodeResult
from pipelines.models import Model
from pipelines.parts import WHOLE, Part, split
from pipelines.settings import Settings

AT_ONCE = 4
"""Models (or parts of them) computed, or tests asked, at the same time, each over a connection of its own."""
_PLANNING = {"work_mem": "64MB", "random_page_cost": "1.1", "max_parallel_workers_per_gather": "0"}
"""As much memory as dbt's models have; what needs more goes to disk. A disk without a moving head, as databases have: at the default price of a random page the
planner reads whole tables for a tenth of their rows. Models and tests themselves are what runs at the same time."""
WORTH_PARTING = 2_000
"""So many touched keys of a model are computed as two parts: while the tables of students are, there is hardly anything else to do at the same time."""


def bring_up(
    settings: Settings, run: warehouse.Run, models: Sequence[Model], queries: Mapping[str, str], followers: Sequence[Model]
) -> list[NodeResult]:
    """Bring `models` (parents first) up to date, each in a transaction of its own; `followers` are all models that are built by pieces.

    Models that do not rest on each other are computed at the same time, those first on which the longest row of others rests. After one that fails no
    other is begun: nothing is published then, and the keys stay touched.
    """
    waiting, running, done = _longest_first(models), dict[Future[NodeResult], Model](), dict[str, list[NodeResult]]()
    with connections(settings) as free, ThreadPoolExecutor(AT_ONCE) as threads:

        def compute(model: Model, part: Part) -> NodeResult:
            with borrowed(free) as connection:
                return pieces.compute(connection, run, model, part, queries[model.name], followers)

        while waiting or running:
            unfinished = {model.name for model in (*waiting, *running.values())}
            is_good = all(result.is_good for results in done.values() for result in results)
            ready = [model for model in waiting if is_good and not unfinished & _above(model)]
            for model in ready[: max(AT_ONCE - len(running), 0)]:  # the last one may have come in parts
                waiting.remove(model)
                with borrowed(free) as connection:
                    parts = _parts_of(connection, model)
                running |= {threads.submit(compute, model, part): model for part in parts}
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                done.setdefault(running.pop(future).name, []).append(future.result())
        with borrowed(free) as connection:
            additions.clear(connection, [model for model in models if len(done.get(model.name, ())) > 1])
            connection.execute("analyze ops.touched")  # tests and publish look for touched rows
    skipped = {model.name: pieces.result(model, "skipped", "a model before it failed", queries[model.name]) for model in waiting}
    return [skipped.get(model.name) or _together(model, done[model.name]) for model in models]


def _parts_of(connection: psycopg.Connection, model: Model) -> list[Part]:
    """The parts in which the model is computed: each takes a core of the database for a while."""
    row = connection.execute("select count(*) from ops.touched where table_name = %s", (model.name,)).fetchone()
    return split(2) if row and row[0] >= WORTH_PARTING else [WHOLE]


def _together(model: Model, results: Sequence[NodeResult]) -> NodeResult:
    """One result of a model's parts: the first that is bad, or how many rows they wrote in as long as the longest took."""
    bad = next((result for result in results if not result.is_good), None)
    if bad or len(results) == 1:
        return bad or results[0]
    count, seconds = sum(result.row_count or 0 for result in results), max(result.seconds for result in results)
    return pieces.result(model, "success", f"{count} rows", results[0].compiled_sql, count, seconds)


def _above(model: Model) -> frozenset[str]:
    """What has to be there before the model is computed."""
    return model.ancestors | model.touched_by.keys()


def _longest_first(models: Sequence[Model]) -> list[Model]:
    """The models (parents first), sorted by how many rest on each in a row."""
    below = dict.fromkeys((model.name for model in models), 0)
    for model in reversed(models):
        for name in _above(model) & below.keys():
            below[name] = max(below[name], below[model.name] + 1)
    return sorted(models, key=lambda model: -below[model.name])


@contextmanager
def borrowed(free: SimpleQueue[psycopg.Connection]) -> Iterator[psycopg.Connection]:
    """A connection that waits, as soon as there is one; it waits again afterwards."""
    connection = free.get()
    try:
        yield connection
    finally:
        free.put(connection)


@contextmanager
def connections(settings: Settings) -> Iterator[SimpleQueue[psycopg.Connection]]:
    """Connections that wait for a model or a test, each with an empty pg_temp.keys."""
    free: SimpleQueue[psycopg.Connection] = SimpleQueue()
    with ExitStack() as stack:
        for _ in range(AT_ONCE):
            connection = stack.enter_context(warehouse.connect(settings, autocommit=True))
            connection.execute(
                "select set_config(name, value, false) from unnest(%s::text[], %s::text[]) as s (name, value)",
                (list(_PLANNING), list(_PLANNING.values())),
            )
            connection.execute("create temp table keys (key_id uuid not null, key_on date, key_text text)")
            free.put(connection)
        yield free
