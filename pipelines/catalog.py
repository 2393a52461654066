"""The dbt manifest as the one catalogue: source tables, marts and reports.

Belongs here: keeping the parsed manifest fresh, and the dataclasses that the rest reads instead of raw JSON.
Does not: running dbt models (transform) or anything that opens a connection.
Over 200 lines by the dataclasses, whose fields are explained here alone.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock

from pipelines.contract import SourceTable, load_tables
from pipelines.models import DataTest, Model, load_models, load_tests
from pipelines.problem import Problem
from pipelines.settings import ROOT

PROJECT_DIR = ROOT / "dbt_project"
TARGET_DIR = PROJECT_DIR / "target"
MANIFEST_PATH = TARGET_DIR / "manifest.json"
PARTIAL_PARSE_PATH = TARGET_DIR / "partial_parse.msgpack"
_FINGERPRINT_PATH = TARGET_DIR / "fingerprint"


@dataclass(frozen=True)
class MartColumn:
    """A contract column: Postgres type, sentence, label for people, unit (`rate` 0-1, `change`, `seconds`, `points`, `count`, or None).

    `personal` says what of a person it holds (`name`, `email`, `text`), if it does; `is_required` that it is never null.
    """

    name: str
    data_type: str
    description: str
    label: str
    unit: str | None
    personal: str | None = None
    is_required: bool = False


@dataclass(frozen=True)
class Mart:
    """A table of `marts` with its contract; `analytics` holds its published twin. Files list its rows by `order_by` (SQL).

    `touch_key` are the columns by which it is computed and published piece by piece. `indexes` (SQL, each the inside of the parentheses) are those that
    readers of the published table need beside its key. `restated_by` is the column of a day whose numbers, once it is over, are noted when they change.
    `max_loss_rate` is the share of its rows that one publish may take away, where that is more than the settings allow.
    """

    name: str
    title: str
    description: str
    columns: tuple[MartColumn, ...]
    primary_key: tuple[str, ...]
    order_by: tuple[str, ...]
    touch_key: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    restated_by: str | None = None
    max_loss_rate: float | None = None


@dataclass(frozen=True)
class Filter:
    """How an export may be narrowed: rows whose `column` is the value that was asked for, one of `values` where those are listed.

    `through` names the mart, joined by the student, whose column it is; empty: the export's own.
    """

    column: str
    values: tuple[str, ...] = ()
    through: str = ""


@dataclass(frozen=True)
class Report:
    """What creators receive: an exposure. `name` is `meta.export_as` or the exposure's name; `mart` is `meta.mart` or the mart of that name.

    `formats` are all that it can be had in, `scheduled` those that are made by `cadence` (daily or weekly); the rest is made when somebody asks.
    `filters` are what may be asked for, by name; `from` and `to` are days of the creator. `marts` are all that the exposure depends on.
    """

    name: str
    mart: str
    title: str
    description: str
    formats: tuple[str, ...]
    scheduled: tuple[str, ...]
    cadence: str
    filters: Mapping[str, Filter]
    marts: tuple[str, ...]


@dataclass(frozen=True)
class Catalog:
    """Everything that the manifest says, by name; `sources` and `models` parents first.

    `ledger` are the tables that booking writes beside the mirror, with their descriptions.
    """

    sources: Mapping[str, SourceTable]
    marts: Mapping[str, Mart]
    reports: Mapping[str, Report]
    models: Mapping[str, Model]
    tests: Mapping[str, DataTest]
    ledger: Mapping[str, str]

    def edition(self, cadence: str) -> tuple[str, ...]:
        """Names of the reports that are made `daily` or `weekly`, for an `Order`."""
        return tuple(sorted(report.name for report in self.reports.values() if report.scheduled and report.cadence == cadence))


def _fingerprint() -> str:
    digest = hashlib.sha256(version("dbt-core").encode())
    for path in sorted(PROJECT_DIR.rglob("*")):
        if path.is_file() and not path.is_relative_to(TARGET_DIR) and path.suffix in {".sql", ".yml", ".csv", ".md"}:
            digest.update(str(path.relative_to(PROJECT_DIR)).encode() + path.read_bytes())
    return digest.hexdigest()


def prepare() -> None:
    """Parse the dbt project when a file of it changed since the last parse. Opens no connection; safe from several processes."""
    fingerprint = _fingerprint()
    if _is_fresh(fingerprint):
        return
    TARGET_DIR.mkdir(exist_ok=True)
    with FileLock(TARGET_DIR / "parse.lock"):
        if _is_fresh(fingerprint):
            return
        from dbt.cli.main import dbtRunner  # 4 s to import; only needed when something changed

        with tempfile.TemporaryDirectory(dir=TARGET_DIR) as folder:
            project = str(PROJECT_DIR)
            result = dbtRunner().invoke(
                ["--quiet", "parse", "--project-dir", project, "--profiles-dir", project, "--target-path", folder, "--log-path", folder]
            )
            if not result.success:
                raise Problem(f"the dbt project does not parse: {' '.join(str(result.exception).split())}")
            for path in (PARTIAL_PARSE_PATH, MANIFEST_PATH):
                shutil.move(Path(folder) / path.name, path)
        _FINGERPRINT_PATH.write_text(fingerprint)


def _is_fresh(fingerprint: str) -> bool:
    return (
        _FINGERPRINT_PATH.exists()
        and _FINGERPRINT_PATH.read_text() == fingerprint
        and MANIFEST_PATH.exists()
        and PARTIAL_PARSE_PATH.exists()
    )


def read_manifest() -> dict[str, Any]:
    """The parsed manifest, fresh."""
    prepare()
    return json.loads(MANIFEST_PATH.read_text())


def load_catalog(manifest: Mapping[str, Any] | None = None) -> Catalog:
    """The catalogue of `manifest` (default: the project's own)."""
    manifest = manifest or read_manifest()
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    marts = {node["name"]: _mart(node) for node in models if node["schema"] == "marts"}
    reports = {report.name: report for report in map(_report, manifest["exposures"].values())}
    sources = load_tables(node for node in manifest["sources"].values() if node["source_name"] == "raw")
    ledger = {node["name"]: node["description"] for node in manifest["sources"].values() if node["source_name"] == "ledger"}
    return Catalog(sources, marts, reports, load_models(manifest), load_tests(manifest), ledger)


def _column(column: Mapping[str, Any]) -> MartColumn:
    meta = column["config"]["meta"]
    is_required = any(constraint["type"] == "not_null" for constraint in column["constraints"])
    return MartColumn(
        column["name"], column["data_type"], column["description"], meta["label"], meta.get("unit"), meta.get("personal"), is_required
    )


def _mart(node: Mapping[str, Any]) -> Mart:
    columns = tuple(map(_column, node["columns"].values()))
    meta = node["config"]["meta"]
    return Mart(
        node["name"],
        meta["title"],
        node["description"],
        columns,
        tuple(meta["grain"]),
        tuple(meta.get("order_by", meta["grain"])),
        tuple(meta["touch_key"]),
        tuple(meta.get("reader_indexes", ())),
        meta.get("restated_by"),
        meta.get("max_loss_rate"),
    )


def _report(exposure: Mapping[str, Any]) -> Report:
    meta = exposure["config"]["meta"]
    return Report(
        name=meta.get("export_as", exposure["name"]),
        mart=meta.get("mart", exposure["name"]),
        title=meta["title"],
        description=exposure["description"],
        formats=tuple(meta["formats"]),
        scheduled=tuple(meta.get("scheduled", ())),
        cadence=meta.get("cadence", "daily"),
        filters={
            name: Filter(rule["column"], tuple(rule.get("values", ())), rule.get("through", ""))
            for name, rule in meta.get("filters", {}).items()
        },
        marts=tuple(unique_id.rsplit(".", 1)[1] for unique_id in exposure["depends_on"]["nodes"]),
    )


def code_version() -> str:
    """A short name for the state of models and contracts: published with the tables, so that readers see what made them."""
    return _fingerprint()[:12]
