"""Building and testing the models of a run: whole where code or contract changed, else by touched keys.

Belongs here: which models dbt runs and how, their versions, gate tests and what a failed one means. Does not: calling dbt (dbt_runs), Dagster (transform).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipelines import gates, models, touching, warehouse
from pipelines.catalog import Catalog
from pipelines.dbt_runs import NodeResult, failing_creators, run_dbt
from pipelines.settings import Settings

_PARALLEL, _IN_ORDER = "4", "1"
"""dbt threads. By pieces, models write touched keys of each other: in order they cannot wait for one another in a circle."""


@dataclass(frozen=True)
class Plan:
    """What a build has to do: models to build whole, and those with touched keys."""

    whole: frozenset[str]
    pieces: frozenset[str]

    @property
    def names(self) -> list[str]:
        """All models that dbt runs."""
        return sorted(self.whole | self.pieces)


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


def build(settings: Settings, catalog: Catalog, run: warehouse.Run, *, say: Callable[[str], None]) -> list[NodeResult]:
    """Bring all models up to date; one result per model that dbt ran. A failed model is a result, its successors are skipped."""
    plan = plan_build(settings, catalog)
    mark(settings, run, "building")
    results: list[NodeResult] = []
    if plan.names:
        with warehouse.owned_transaction(settings, run) as connection:
            connection.execute("delete from ops.models where model_name = any(%s)", (sorted(plan.whole),))
        threads = _IN_ORDER if plan.pieces else _PARALLEL
        seeds = [name for name in plan.names if catalog.models[name].kind == "seed"]
        if seeds:
            results += run_dbt(settings, ["seed", "--select", *seeds], variables={})
        rest = [name for name in plan.names if name not in seeds]
        if rest:
            command = ["run", "--select", *rest, "--threads", threads]
            results += run_dbt(settings, command, variables={"whole": sorted(plan.whole)})
        _note_versions(settings, catalog, run, [result.name for result in results if result.is_good and result.name in plan.whole])
    say(f"built {len(plan.whole)} models whole, {len(plan.pieces)} by touched keys")
    if all(result.is_good for result in results):
        mark(settings, run, "built")
    return results


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


def test(settings: Settings, run: warehouse.Run, *, is_nightly: bool) -> list[NodeResult]:
    """Run the gate tests on what is about to be published (nightly: all data tests on everything). Creators whom a failed one names are held back."""
    with warehouse.connect(settings) as connection:
        whole = [row[0] for row in connection.execute("select model_name from ops.models where not is_published order by 1")]
        is_idle = not whole and not touching.touched_counts(connection)
    if is_idle and not is_nightly:
        return []
    selection = [] if is_nightly else ["--select", "tag:gate"]
    variables = {} if is_nightly else {"whole": whole}
    results = run_dbt(settings, ["test", "--exclude-resource-type", "unit_test", *selection], variables)
    _hold_back(settings, run, results)
    return results


def _hold_back(settings: Settings, run: warehouse.Run, results: Sequence[NodeResult]) -> None:
    tests = [result for result in results if result.status in {"pass", "fail"}]
    gates.hold_back(settings, run, {result.name: failing_creators(settings, result) or () for result in tests})


def stoppers(settings: Settings, results: Sequence[NodeResult]) -> list[NodeResult]:
    """Models that failed, and failed tests whose rows name no creator: they stop the publish for all."""
    return [
        result for result in results if not result.is_good and result.status != "skipped" and failing_creators(settings, result) is None
    ]
