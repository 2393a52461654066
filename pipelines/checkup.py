"""All checks at once, for a person: dbt tests, both doors, a full build to compare with, rows set aside, closed gates, the source's indexes, the buckets.

Belongs here: running them outside a job and naming what they found. Does not: the rules themselves, or blocking anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines import audit, catalog, comparison, ingest, nightly, standing_checks, warehouse
from pipelines.dbt_runs import failing_keys, run_dbt
from pipelines.problem import Problem
from pipelines.settings import Settings
from pipelines.store import Store
from pipelines.transform import describe_test


@dataclass(frozen=True)
class CheckOutcome:
    """One check: where it stands, whether it holds, how bad it is when not (`error`, `warn`), and why it exists."""

    where: str
    name: str
    passed: bool
    severity: str
    because: str
    failing_rows: int
    samples: list[str]


def run_checks(settings: Settings) -> list[CheckOutcome]:
    """Every check of the project on what is booked and built now."""
    with warehouse.connect(settings) as connection:
        warehouse.require_init(connection)
        row = connection.execute("select built_as_of from ops.build").fetchone()
    if row is None or row[0] is None:
        raise Problem("nothing is built yet, so there is nothing to check; run `creator-reports run hourly` first.")
    manifest = catalog.read_manifest()
    nodes = manifest["nodes"]
    outcomes = [
        CheckOutcome(
            where=_tested_model(nodes[result.unique_id]),
            name=result.name,
            passed=result.status == "pass",
            severity="warn" if result.status == "warn" else "error",
            because=describe_test(nodes[result.unique_id]),
            failing_rows=result.failure_count or 0,
            samples=failing_keys(settings, result),
        )
        for result in run_dbt(settings, ["test", "--exclude-resource-type", "unit_test"], {})
    ]
    for door in ("incoming", "marts"):
        outcomes += [
            CheckOutcome(
                f"{item.door}.{item.table}",
                item.rule_name,
                item.passed,
                item.severity,
                f"{item.because} {item.problem}".strip(),
                item.failed,
                list(item.samples),
            )
            for item in audit.examine(settings, door)
        ]
    found = catalog.load_catalog(manifest)
    return [
        *outcomes,
        *_comparison_checks(settings, found),
        *_gate_checks(settings),
        *_index_checks(settings, found.sources.values()),
        _bucket_check(Store(settings), "Reports are uploaded to this bucket."),
        _bucket_check(Store(settings, is_ledger=True), "Each night what the source forgets is saved to this bucket."),
    ]


def _bucket_check(store: Store, because: str) -> CheckOutcome:
    try:
        store.require()
    except Problem as problem:
        return CheckOutcome(store.bucket, "bucket_answers", False, "error", f"{because} {problem}", 0, [])
    return CheckOutcome(store.bucket, "bucket_answers", True, "error", because, 0, [])


def _comparison_checks(settings: Settings, found: catalog.Catalog) -> list[CheckOutcome]:
    with warehouse.connect(settings) as connection:
        if not comparison.is_comparable(connection):
            because = "Not compared with a full build: a run is under way, or one stopped half-way. Check again after the next run."
            return [CheckOutcome("ops.build", nightly.CHECK, False, "warn", because, 0, [])]
    differences = {difference.model: difference for difference in comparison.compare(settings, found)}
    return [
        CheckOutcome(
            model.name,
            nightly.CHECK,
            model.name not in differences,
            "error",
            nightly.BECAUSE,
            differences[model.name].row_count if model.name in differences else 0,
            list(differences[model.name].samples) if model.name in differences else [],
        )
        for model in comparison.compared_models(found)
    ]


def _gate_checks(settings: Settings) -> list[CheckOutcome]:
    with warehouse.connect(settings) as connection:
        closed = standing_checks.say_closed(connection)
        rows = connection.execute("select table_name, row_key, reason from ops.quarantine order by last_seen_at desc, 1, 2, 3").fetchall()
    return [
        CheckOutcome("ops.gates", standing_checks.GATES, not closed, "error", standing_checks.HELD, len(closed), closed),
        CheckOutcome(
            "ops.quarantine",
            standing_checks.ROWS,
            not rows,
            "warn",
            standing_checks.ASIDE,
            len(rows),
            [f"{name} {key}: {why}" for name, key, why in rows[:10]],
        ),
    ]


def _index_checks(settings: Settings, tables: Iterable[catalog.SourceTable]) -> list[CheckOutcome]:
    because = "Hourly runs read what changed since the last one; without an index on this column each of them scans the whole table."
    tables = list(tables)
    missing = ingest.missing_indexes(settings, tables)
    return [
        CheckOutcome(f"{settings.source_schema}.{table.name}", f"index_on_{table.watermark}", name not in missing, "warn", because, 0, [])
        for table in tables
        for name in [f"{table.name}.{table.watermark}"]
    ]


def _tested_model(node: dict) -> str:
    parents = [unique_id.split(".")[-1] for unique_id in node["depends_on"]["nodes"]]
    return parents[-1] if parents else "dbt"
