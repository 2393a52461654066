"""The SQL of models and data tests: compiled by dbt once per version of their code and kept in `ops.compiled`.

Belongs here: when dbt has to compile, the kept SQL. Does not: running it (pieces, building, comparison), models that are built whole (dbt does it).

A run in which no code changed needs no dbt: importing and starting it would take longer than the work. SQL is kept narrowed to touched keys, and over
all rows (under names that end in `_WHOLE`).
"""

from collections.abc import Iterable, Mapping

from psycopg.conninfo import conninfo_to_dict

from pipelines import warehouse
from pipelines.catalog import Catalog
from pipelines.dbt_runs import run_dbt
from pipelines.models import DataTest, Model
from pipelines.problem import Problem
from pipelines.settings import Settings

_WHOLE = " (whole)"

Node = Model | DataTest


def narrowed(settings: Settings, catalog: Catalog) -> dict[str, str]:
    """The narrowed SQL of all models with a touch key and of all gate tests, by name."""
    models = [model for model in catalog.models.values() if model.touch_key]
    return _kept(settings, [*models, *(test for test in catalog.tests.values() if test.is_gate)], {"is_narrowed": True})


def whole_models(settings: Settings, catalog: Catalog) -> dict[str, str]:
    """The SQL of all models, views included, over all rows, by name."""
    return _kept(settings, [model for model in catalog.models.values() if model.kind != "seed"], {}, _WHOLE)


def whole_tests(settings: Settings, catalog: Catalog) -> dict[str, str]:
    """The SQL of all data tests over all rows, by name. Those that look at published tables want them to be there."""
    return _kept(settings, catalog.tests.values(), {"is_published": True}, _WHOLE)


def _kept(settings: Settings, nodes: Iterable[Node], variables: Mapping[str, object], suffix: str = "") -> dict[str, str]:
    """The kept SQL of the nodes; what is missing or of another version is compiled with dbt's `variables` first."""
    wanted = {node.name: node for node in nodes}
    with warehouse.connect(settings) as connection:
        kept = {name: (version, query) for name, version, query in connection.execute("select name, version, query from ops.compiled")}
    stale = [name for name, node in wanted.items() if kept.get(name + suffix, ("", ""))[0] != node.version]
    found = {name: kept[name + suffix][1] for name in wanted if name not in stale}
    if stale:
        found |= _compile(settings, {name: wanted[name] for name in stale}, variables, suffix)
    return found


def _compile(settings: Settings, nodes: Mapping[str, Node], variables: Mapping[str, object], suffix: str) -> dict[str, str]:
    """Compile these nodes and keep the result. The database's own name is left out: a copy of it under another name works as well."""
    command = ["compile", "--no-populate-cache", "--indirect-selection", "empty", "--select", *sorted(nodes)]
    results = {result.name: result for result in run_dbt(settings, command, variables)}
    missing = sorted(name for name in nodes if name not in results or not results[name].compiled_sql)
    if missing:
        raise Problem(f"dbt did not compile {', '.join(missing[:3])}; see `dbt compile --select {missing[0]}`.")
    database = conninfo_to_dict(settings.require_database_url().get_secret_value()).get("dbname")
    found = {name: results[name].compiled_sql.replace(f'"{database}"."', '"') for name in nodes}
    with warehouse.connect(settings) as connection:
        connection.cursor().executemany(
            "insert into ops.compiled (name, version, query) values (%s, %s, %s)"
            " on conflict (name) do update set version = excluded.version, query = excluded.query",
            [(name + suffix, node.version, found[name]) for name, node in nodes.items()],
        )
    return found
