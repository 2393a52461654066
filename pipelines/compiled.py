"""The SQL of models and gate tests, narrowed to touched keys: compiled by dbt once per version of their code and kept in `ops.compiled`.

Belongs here: when dbt has to compile, the kept SQL. Does not: running it (pieces, building), models that are built whole (dbt does it).

An hour in which no code changed needs no dbt: importing and starting it would take longer than the work.
"""

from collections.abc import Mapping

from psycopg.conninfo import conninfo_to_dict

from pipelines import warehouse
from pipelines.catalog import Catalog
from pipelines.dbt_runs import run_dbt
from pipelines.models import GateTest, Model
from pipelines.problem import Problem
from pipelines.settings import Settings


def narrowed(settings: Settings, catalog: Catalog) -> dict[str, str]:
    """The narrowed SQL of all models with a touch key and of all gate tests, by name."""
    wanted: dict[str, Model | GateTest] = {model.name: model for model in catalog.models.values() if model.touch_key}
    wanted |= catalog.gate_tests
    with warehouse.connect(settings) as connection:
        kept = {name: (version, query) for name, version, query in connection.execute("select name, version, query from ops.compiled")}
    stale = [name for name, node in wanted.items() if kept.get(name, ("", ""))[0] != node.version]
    found = {name: kept[name][1] for name in wanted if name not in stale}
    if stale:
        found |= _compile(settings, {name: wanted[name] for name in stale})
    return found


def _compile(settings: Settings, nodes: Mapping[str, Model | GateTest]) -> dict[str, str]:
    """Compile these nodes and keep the result. The database's own name is left out: a copy of it under another name works as well."""
    command = ["compile", "--no-populate-cache", "--indirect-selection", "empty", "--select", *sorted(nodes)]
    results = {result.name: result for result in run_dbt(settings, command, {"is_narrowed": True})}
    missing = sorted(name for name in nodes if name not in results or not results[name].compiled_sql)
    if missing:
        raise Problem(f"dbt did not compile {', '.join(missing[:3])}; see `dbt compile --select {missing[0]}`.")
    database = conninfo_to_dict(settings.require_database_url().get_secret_value()).get("dbname")
    found = {name: results[name].compiled_sql.replace(f'"{database}"."', '"') for name in nodes}
    with warehouse.connect(settings) as connection:
        connection.cursor().executemany(
            "insert into ops.compiled (name, version, query) values (%s, %s, %s)"
            " on conflict (name) do update set version = excluded.version, query = excluded.query",
            [(name, node.version, found[name]) for name, node in nodes.items()],
        )
    return found
