"""Building and testing the models of a run: whole where code or contract changed (by dbt), else by touched keys (pieces).

Belongs here: which models are built and how, their versions, gate tests and what a failed one means. Does not: calling dbt (dbt_runs), Dagster (transform).
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg

from pipelines import additions, build_order, compiled, gates, models, published_tables, touching, warehouse
from pipelines.catalog import Catalog
from pipelines.dbt_runs import NodeResult, failing_creators, run_dbt
from pipelines.models import DataTest
from pipelines.settings import Settings

_THREADS = "4"
"""Models that dbt builds whole at the same time."""


@dataclass(frozen=True)
class Plan:
    """What a build has to do: models to build whole, and those with touched keys."""

    whole: frozenset[str]
    pieces: frozenset[str]


def plan_build(settings: Settings, catalog: Catalog) -> Plan:
    """What there is to build: nothing when no code changed and no key is touched."""
    with warehouse.connect(settings) as connection:
        whole = models.outdated(connection, catalog.models)
        touched = touching.touched_counts(connection)
    first = {name for name in touched if name not in whole and name in catalog.models}
    return Plan(frozenset(whole), frozenset(_below(catalog, first) - whole))


def _below(catalog: Catalog, names: Iterable[str]) -> set[str]:
    """`names` and every model that their edges lead to."""
    found = set(names)
    for model in catalog.models.values():  # parents come first
        if found & set(model.touched_by):
            found.add(model.name)
    return found


def build(
    settings: Settings, catalog: Catalog, run: warehouse.Run, *, is_nightly: bool = False, say: Callable[[str], None]
) -> list[NodeResult]:
    """Bring all models up to date, those of meta.cadence: daily in nightly runs only; one result per model that was built.

    A failed model is a result, its successors are skipped.
    """
    if is_nightly:
        with warehouse.owned_transaction(settings, run) as connection:
            touching.stop_waiting(connection)
    plan = plan_build(settings, catalog)
    mark(settings, run, "building")
    with warehouse.owned_transaction(settings, run) as connection:
        connection.execute("delete from ops.models where model_name = any(%s)", (sorted(plan.whole),))
        additions.clear(connection, [catalog.models[name] for name in plan.whole])
    results = _build_pieces(settings, catalog, run, plan) if plan.pieces else []
    if all(result.is_good for result in results):  # what is built whole rests on pieces at most, never the other way round
        results += _build_whole(settings, plan)
    _note_versions(settings, catalog, run, [result.name for result in results if result.is_good and result.name in plan.whole])
    say(f"built {len(plan.whole)} models whole, {len(plan.pieces)} by touched keys")
    if all(result.is_good for result in results):
        mark(settings, run, "built")
    return results


def _build_pieces(settings: Settings, catalog: Catalog, run: warehouse.Run, plan: Plan) -> list[NodeResult]:
    queries = compiled.narrowed(settings, catalog)
    followers = [model for model in catalog.models.values() if model.touch_key and model.name not in plan.whole]
    return build_order.bring_up(settings, run, [model for model in followers if model.name in plan.pieces], queries, followers)


def _build_whole(settings: Settings, plan: Plan) -> list[NodeResult]:
    if not plan.whole:
        return []
    kinds = ["--resource-type", "seed", "--resource-type", "model"]
    return run_dbt(settings, ["build", *kinds, "--select", *sorted(plan.whole), "--threads", _THREADS], {})


def rebuild(
    settings: Settings, catalog: Catalog, run: warehouse.Run, names: Iterable[str], *, say: Callable[[str], None]
) -> list[NodeResult]:
    """Build these models, and all that rest on them, whole: a repair by hand."""
    with warehouse.owned_transaction(settings, run) as connection:
        connection.execute("delete from ops.models where model_name = any(%s)", (list(names),))
    return build(settings, catalog, run, say=say)


def mark(settings: Settings, run: warehouse.Run, state: str) -> None:
    """Say how far the tables in `marts` are; `publish` takes only audited ones."""
    with warehouse.owned_transaction(settings, run) as connection:
        connection.execute("update ops.build set state = %s, built_run_id = %s, built_as_of = %s", (state, run.run_id, run.as_of))


def _note_versions(settings: Settings, catalog: Catalog, run: warehouse.Run, names: Iterable[str]) -> None:
    with warehouse.owned_transaction(settings, run) as connection:
        connection.cursor().executemany(
            "insert into ops.models (model_name, version) values (%s, %s)"
            " on conflict (model_name) do update set version = excluded.version, is_published = false",
            [(name, catalog.models[name].version) for name in names],
        )


def test(settings: Settings, catalog: Catalog, run: warehouse.Run, *, is_nightly: bool) -> list[NodeResult]:
    """Run the gate tests on what is about to be published (nightly: all data tests on everything). Creators whom a failed one names are held back."""
    with warehouse.connect(settings) as connection:
        whole = [row[0] for row in connection.execute("select model_name from ops.models where not is_published order by 1")]
        is_idle = not whole and not touching.touched_counts(connection)
    if is_idle and not is_nightly:
        return []
    if whole or is_nightly:
        published_tables.make(settings, catalog.marts.values())  # tests compare with what is published
    asked = [test for test in catalog.tests.values() if is_nightly or test.is_gate]
    if is_nightly or all(model.name in whole for model in catalog.models.values() if model.touch_key):
        results = _ask_all(settings, asked, compiled.whole_tests(settings, catalog))
    elif whole:  # some tables whole, of the others the touched keys
        selection = ["--exclude-resource-type", "unit_test", "--select", "tag:gate"]
        results = run_dbt(settings, ["test", *selection], {"is_narrowed": True, "whole": whole})
    else:
        results = _ask_all(settings, asked, compiled.narrowed(settings, catalog))
    _hold_back(settings, run, results)
    return results


def _ask_all(settings: Settings, tests: Iterable[DataTest], queries: Mapping[str, str]) -> list[NodeResult]:
    """Some tests at the same time: each selects the rows that break it."""
    with build_order.connections(settings) as free, ThreadPoolExecutor(build_order.AT_ONCE) as threads:

        def ask(test: DataTest) -> NodeResult:
            with build_order.borrowed(free) as connection:
                return _ask(connection, test, queries[test.name])

        return list(threads.map(ask, tests))


def _ask(connection: psycopg.Connection, test: DataTest, query: str) -> NodeResult:
    began = time.perf_counter()
    try:
        row = connection.execute(warehouse.trusted_sql(f"select count(*) from ({query}) as failing")).fetchone()
    except psycopg.Error as error:
        status, count, message = "error", None, warehouse.explain(error)
    else:
        count = row[0] if row else 0
        bad = "warn" if test.is_warning else "fail"
        status, message = (bad, f"got {count} results, wanted 0") if count else ("pass", "")
    return NodeResult(test.unique_id, test.name, "test", status, round(time.perf_counter() - began, 3), None, count, message, query)


def _hold_back(settings: Settings, run: warehouse.Run, results: Sequence[NodeResult]) -> None:
    tests = [result for result in results if result.status in {"pass", "fail"}]
    gates.hold_back(settings, run, {result.name: failing_creators(settings, result) or () for result in tests})


def stoppers(settings: Settings, results: Sequence[NodeResult]) -> list[NodeResult]:
    """Models that failed, and failed tests whose rows name no creator: they stop the publish for all."""
    return [
        result for result in results if not result.is_good and result.status != "skipped" and failing_creators(settings, result) is None
    ]
