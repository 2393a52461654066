"""The dbt models as what has to be built: keys by which they are computed, what touches them, and the version of their code.

Belongs here: reading `touch_key` and `touched_by` from the manifest, versions, and which models a run must rebuild in full.
Does not: running dbt (building), writing ops.touched (touching).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import psycopg

BY_TIME = ("time", "midnight")
"""Edges that no row causes: thresholds that `as_of` crosses, and local midnights."""


@dataclass(frozen=True)
class Model:
    """A seed, view or table of the dbt project.

    `touch_key` names the one or two columns by which a table is computed piece by piece (empty: always whole). `touched_by` maps a source table, an upstream
    model, `time` or `midnight` to the SQL that gives the touched keys. `version` is a digest of its code, its contract and everything above it. `parents` are
    what its SQL reads, `ancestors` those and theirs. `columns` maps name to Postgres type.

    `is_kept` says that the rows are primary data and how a row that comes again is taken: `newest` takes it as it is, `greatest` the greater of old and new
    in each column, so that a number never falls. `settles_by` is the column that holds the instant of the run that wrote a kept row: a run that comes again
    for that instant may take the row back. `saved_by` is the column by whose day the rows are saved to the ledger's bucket.

    `adds`, `grows`, `shrinks`, `unites`, `follows`, `adds_rows` and `added_by` say how a change of progress is added to a row instead of computing it anew
    (see additions).
    `is_daily`: nightly runs alone bring the table up to date, its touched keys wait for them.
    """

    name: str
    unique_id: str
    kind: str
    schema: str
    touch_key: tuple[str, ...]
    touched_by: Mapping[str, str]
    version: str
    parents: tuple[str, ...]
    ancestors: frozenset[str]
    columns: Mapping[str, str]
    grain: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    is_kept: str | None = None
    settles_by: str | None = None
    saved_by: str | None = None
    adds: tuple[str, ...] = ()
    grows: tuple[str, ...] = ()
    shrinks: tuple[str, ...] = ()
    unites: tuple[str, ...] = ()
    follows: Mapping[str, str] = field(default_factory=dict)
    adds_rows: bool = False
    added_by: str | None = None
    is_daily: bool = False

    @property
    def key_part(self) -> str | None:
        """The column of pg_temp.keys (see pieces) that holds the second column of the touch key; None without one."""
        if len(self.touch_key) < 2:
            return None
        return "key_on" if self.columns[self.touch_key[1]] == "date" else "key_text"


@dataclass(frozen=True)
class DataTest:
    """A dbt data test: SQL that gives the rows that break it; `version` as for a model.

    `is_gate`: asked before each publish, on the rows that are about to be published; the others nightly. `is_warning`: it holds nobody back.
    """

    name: str
    unique_id: str
    version: str
    is_gate: bool
    is_warning: bool


def load_models(manifest: Mapping[str, Any]) -> dict[str, Model]:
    """All seeds and models by name, parents first."""
    nodes, version = _models_and_seeds(manifest), _versions(manifest)
    found: dict[str, Model] = {}
    for unique_id in sorted(nodes, key=lambda name: (_depth(nodes, name), name)):
        node = nodes[unique_id]
        meta = node["config"]["meta"]
        parents = tuple(nodes[parent]["name"] for parent in node["depends_on"].get("nodes", []) if parent in nodes)
        kind = "seed" if node["resource_type"] == "seed" else node["config"]["materialized"]
        found[node["name"]] = Model(
            node["name"],
            unique_id,
            kind,
            node["schema"],
            tuple(meta.get("touch_key", ())),
            meta.get("touched_by", {}),
            version(unique_id),
            parents,
            frozenset({*parents, *(name for parent in parents for name in found[parent].ancestors)}),
            {name: column["data_type"] for name, column in node["columns"].items()},
            tuple(meta.get("grain", ())),
            tuple(tuple(index["columns"]) for index in node["config"].get("indexes") or ()),
            meta.get("is_kept"),
            meta.get("settles_by"),
            meta.get("saved_by"),
            tuple(meta.get("adds", ())),
            tuple(meta.get("grows", ())),
            tuple(meta.get("shrinks", ())),
            tuple(meta.get("unites", ())),
            meta.get("follows", {}),
            meta.get("adds_rows", False),
            meta.get("added_by"),
            meta.get("cadence") == "daily",
        )
    return found


def load_tests(manifest: Mapping[str, Any]) -> dict[str, DataTest]:
    """All data tests, by name."""
    version = _versions(manifest)
    return {
        node["name"]: DataTest(node["name"], key, version(key), "gate" in node["tags"], node["config"]["severity"].lower() == "warn")
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "test"
    }


def _models_and_seeds(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {name: node for name, node in manifest["nodes"].items() if node["resource_type"] in {"model", "seed"}}


def _versions(manifest: Mapping[str, Any]) -> Callable[[str], str]:
    """A function from a node's unique id to the digest of its code, its contract and everything above it."""
    nodes = _models_and_seeds(manifest)

    @cache
    def version(unique_id: str) -> str:
        node = manifest["nodes"][unique_id]
        columns = {name: column["data_type"] for name, column in node["columns"].items()}
        meta = {name: node["config"]["meta"].get(name) for name in ("grain", "touch_key")}
        own = [
            node["checksum"]["checksum"],
            columns,
            meta,
            node["config"].get("materialized"),
            node["config"].get("indexes"),
            _macros(manifest, node),
        ]
        if generic := node.get("test_metadata"):
            own.append(generic["kwargs"])
        above = [version(parent) for parent in sorted(node["depends_on"].get("nodes", [])) if parent in nodes]
        return hashlib.sha256(json.dumps([own, above], sort_keys=True).encode()).hexdigest()[:16]

    return version


def _depth(nodes: Mapping[str, Any], unique_id: str) -> int:
    return 1 + max((_depth(nodes, parent) for parent in nodes[unique_id]["depends_on"].get("nodes", []) if parent in nodes), default=0)


def _macros(manifest: Mapping[str, Any], node: Mapping[str, Any]) -> list[str]:
    """Our own macros that a model calls, and those that they call."""
    waiting, seen = list(node["depends_on"].get("macros", [])), {}
    while waiting:
        name = waiting.pop()
        if name in seen or not name.startswith("macro.creator_reports."):
            continue
        macro = manifest["macros"][name]
        seen[name] = macro["macro_sql"]
        waiting += macro["depends_on"]["macros"]
    return [seen[name] for name in sorted(seen)]


def outdated(connection: psycopg.Connection, models: Mapping[str, Model]) -> set[str]:
    """Names of models to build whole: their version differs from the built one, their relation is missing, or a parent of theirs is one of these."""
    built = dict(connection.execute("select model_name, version from ops.models").fetchall())
    there = {
        f"{schema}.{name}"
        for schema, name in connection.execute(
            "select relnamespace::regnamespace::text, relname from pg_class where relkind in ('r', 'v') and relnamespace = any(%s::regnamespace[])",
            (sorted({model.schema for model in models.values()}),),
        )
    }
    whole: set[str] = set()
    for model in models.values():
        if built.get(model.name) != model.version or f"{model.schema}.{model.name}" not in there or whole & set(model.parents):
            whole.add(model.name)
    return whole
