"""dbt in this process, on the ready manifest: no second interpreter, nothing parsed twice.

Belongs here: calling dbt and its results as plain data. Does not: Dagster (transform).
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from pipelines import warehouse
from pipelines.catalog import PARTIAL_PARSE_PATH, PROJECT_DIR, prepare
from pipelines.problem import Problem
from pipelines.settings import Settings, export_environment


@dataclass(frozen=True)
class NodeResult:
    """What dbt said of one node. `row_count` is None for views and tests; `failure_count` counts a test's failing rows."""

    unique_id: str
    name: str
    kind: str
    status: str
    seconds: float
    row_count: int | None
    failure_count: int | None
    message: str
    compiled_sql: str

    @property
    def is_good(self) -> bool:
        return self.status in {"success", "pass", "warn", "no-op"}


def _dbt_environment(settings: Settings) -> dict[str, str]:
    parts = conninfo_to_dict(settings.require_database_url().get_secret_value())
    names = {
        "host": "DBT_HOST",
        "port": "DBT_PORT",
        "user": "DBT_USER",
        "password": "DBT_ENV_SECRET_PASSWORD",
        "dbname": "DBT_DBNAME",
        "sslmode": "DBT_SSLMODE",
    }
    return {name: str(parts[key]) for key, name in names.items() if key in parts} | {"DO_NOT_TRACK": "1"}


def run_dbt(settings: Settings, command: Sequence[str], variables: Mapping[str, object]) -> list[NodeResult]:
    """Run a dbt command (`["run", "--select", …]`) in this process with dbt's `variables`; one result per node.

    The ready manifest is handed over, so nothing is parsed. A `Problem` only when dbt itself could not run; a failed node is a result.
    """
    prepare()
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

    export_environment(_dbt_environment(settings))
    manifest = Manifest.from_msgpack(PARTIAL_PARSE_PATH.read_bytes())
    _move_to_database(manifest, conninfo_to_dict(settings.require_database_url().get_secret_value()).get("dbname"))
    manifest.build_flat_graph()
    with tempfile.TemporaryDirectory(prefix="creator-reports-dbt-") as folder:
        # Nobody reads the files of a run; writing them would cost as much as compiling all models.
        flags = ["--no-write-json", "--log-level", "none", "--log-level-file", "none", "--log-path", folder]
        places = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR), "--target-path", folder]
        result = dbtRunner(manifest=manifest).invoke([*flags, *command, *places, "--vars", json.dumps(dict(variables))])
        if result.exception is not None and not hasattr(result.result, "results"):
            raise Problem(f"dbt {command[0]} could not run: {' '.join(str(result.exception).split())[:500]}")
        return [_node_result(item) for item in result.result.results]


def _move_to_database(manifest: Any, name: Any) -> None:
    """Parsing wrote a database's name into each node; the run may be on another one, and nothing else of a parse depends on it."""
    for node in (*manifest.nodes.values(), *manifest.sources.values()):
        if getattr(node, "relation_name", None):
            node.relation_name = node.relation_name.replace(f'"{node.database}".', f'"{name}".', 1)
        node.database = name


def _node_result(item: Any) -> NodeResult:
    return NodeResult(
        unique_id=item.node.unique_id,
        name=item.node.name,
        kind=str(item.node.resource_type),
        status=str(item.status),
        seconds=round(item.execution_time, 3),
        row_count=(item.adapter_response or {}).get("rows_affected"),
        failure_count=getattr(item, "failures", None),
        message=" ".join((item.message or "").split()),
        compiled_sql=getattr(item.node, "compiled_code", None) or "",
    )


def failing_keys(settings: Settings, result: NodeResult, limit: int = 10) -> list[str]:
    """Up to `limit` rows that a test found, as `creator_id=…`: key columns only, since others may be personal."""
    if result.kind != "test" or result.status not in {"warn", "fail"}:
        return []
    with warehouse.connect(settings) as connection:
        cursor = connection.execute(warehouse.trusted_sql(f"select * from ({result.compiled_sql}) as failing limit {limit}"))
        names = [column.name for column in cursor.description or []]
        keys = [number for number, name in enumerate(names) if name.endswith("_id")]
        return [", ".join(f"{names[number]}={row[number]}" for number in keys) for row in cursor] if keys else []


def failing_creators(settings: Settings, result: NodeResult) -> set[str] | None:
    """The creators that the rows of a failed test name; None when they name none, or when the test could not run."""
    if result.kind != "test" or result.status != "fail":
        return None
    with warehouse.connect(settings) as connection:
        cursor = connection.execute(warehouse.trusted_sql(f"select * from ({result.compiled_sql}) as failing limit 0"))
        if "creator_id" not in {column.name for column in cursor.description or []}:
            return None
        rows = connection.execute(
            warehouse.trusted_sql(f"select distinct creator_id::text from ({result.compiled_sql}) as failing")
        ).fetchall()
    return None if any(row[0] is None for row in rows) else {row[0] for row in rows}
