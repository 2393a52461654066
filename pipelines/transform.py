"""The dbt project as Dagster assets, its tests as asset checks.

Belongs here: telling Dagster what there is and what came of each node. Does not: running dbt (dbt_runs), what models compute (dbt_project).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets
from psycopg import sql

from pipelines import building, warehouse
from pipelines.catalog import Catalog
from pipelines.dbt_runs import NodeResult, failing_keys
from pipelines.runs import NIGHTLY_JOB, enter_run, plain_failures
from pipelines.settings import Settings

UNIQUE_ID = "dagster_dbt/unique_id"
GROUPS = {"raw": "2_raw", "staging": "3_staging", "intermediate": "4_intermediate", "marts": "5_marts"}
"""dbt schema -> asset group. The numbers keep the groups in the order of the data wherever Dagster sorts by name."""


class Translator(DagsterDbtTranslator):
    """dbt nodes by their schema and name, grouped by layer, described by their yml; singular tests are described by theirs too."""

    def __init__(self) -> None:
        super().__init__(settings=DagsterDbtTranslatorSettings(enable_asset_checks=True))

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        props = self.get_resource_props(manifest, unique_id)
        return spec.replace_attributes(
            group_name=GROUPS.get(props["schema"], GROUPS["intermediate"]), description=props["description"], kinds={"dbt", "postgres"}
        )

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        # None stops the run for Dagster: most hold back the creators that they name, and the step itself stops for the others (building.stoppers).
        return spec and spec._replace(description=describe_test(manifest["nodes"][unique_id]), blocking=False)


def describe_test(node: Mapping[str, Any]) -> str:
    """The sentence of a dbt test: its own from the yml, or for a grain test the grain in words."""
    test = node.get("test_metadata") or {}
    if test.get("name") == "grain" and not node.get("description"):
        return f"One row per {' and '.join(test['kwargs']['columns'])}, none of them null."
    return node.get("description") or ""


def build_assets(settings: Settings, manifest: Mapping[str, Any], catalog: Catalog) -> dg.AssetsDefinition:
    """All seeds and models as one step, their data tests as its checks."""

    @dbt_assets(manifest=manifest, dagster_dbt_translator=Translator(), name="dbt", required_resource_keys={"run_guard"}, pool="warehouse")
    def dbt(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        """Bring the models up to date: by the keys that the run touched, whole where code or contract changed. Then test what will be published."""
        is_some = context.selected_asset_keys != dbt.keys  # context.assets_def is narrowed to the selection already
        is_nightly = context.job_name == NIGHTLY_JOB
        with plain_failures():
            run = enter_run(context)
            if is_some:
                results = building.rebuild(settings, catalog, run, _names(context, manifest), say=context.log.info)
            else:
                results = building.build(settings, catalog, run, is_nightly=is_nightly, say=context.log.info)
            built_well = all(result.is_good for result in results)
            tests = building.test(settings, catalog, run, is_nightly=is_nightly) if built_well else []
            stopping = building.stoppers(settings, [*results, *tests])
        yield from _events(settings, catalog, context, [*results, *tests], run.as_of)
        if stopping:
            lines = "; ".join(f"{result.name}{_why(manifest, result)}: {result.message}" for result in stopping[:3])
            raise dg.Failure(
                f"{len(stopping)} of {len(results) + len(tests)} models and tests failed. {lines}. Nothing was published; `creator-reports check` shows rows.",
                allow_retries=False,
            )
        context.log.info(f"dbt: {_summary(results, tests)}")

    return dbt


def _names(context: dg.AssetExecutionContext, manifest: Mapping[str, Any]) -> list[str]:
    ids = {spec.key: spec.metadata[UNIQUE_ID] for spec in context.assets_def.specs}
    return sorted(manifest["nodes"][ids[key]]["name"] for key in context.selected_asset_keys)


def _why(manifest: Mapping[str, Any], result: NodeResult) -> str:
    return f" ({describe_test(manifest['nodes'][result.unique_id])})" if result.kind == "test" else ""


def _summary(results: Sequence[NodeResult], tests: Sequence[NodeResult]) -> str:
    """One line: what was built and tested, which tests warned, which hold creators back."""
    warned = [result.name for result in tests if result.status == "warn"]
    failed = [result.name for result in tests if result.status == "fail"]
    return (
        f"{len(results)} models brought up to date, {len(tests)} tests run"
        + (f", {len(warned)} with a warning ({', '.join(warned)})" if warned else "")
        + (
            f", {len(failed)} {'does' if len(failed) == 1 else 'do'} not hold ({', '.join(failed)}): creators whom they name keep their old rows"
            if failed
            else ""
        )
    )


def _events(
    settings: Settings, catalog: Catalog, context: dg.AssetExecutionContext, results: Sequence[NodeResult], as_of: datetime
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """A materialization of each model that is up to date now, built or not, and the outcome of each test; a gate test that had nothing to look at holds."""
    by_id = {result.unique_id: result for result in results}
    order = {name: number for number, name in enumerate(catalog.models)}  # Dagster wants parents first
    for spec in sorted(context.assets_def.specs, key=lambda spec: order[spec.key.path[-1]]):
        result = by_id.get(spec.metadata[UNIQUE_ID])
        if spec.key in context.selected_asset_keys and (result is None or result.is_good):
            yield dg.MaterializeResult(asset_key=spec.key, metadata=_numbers(result, as_of))
    for key in context.selected_asset_check_keys:
        spec = context.assets_def.get_spec_for_check_key(key)
        result = by_id.get(spec.metadata[UNIQUE_ID])
        if result is None or result.status != "skipped":
            yield _check_result(settings, key, result, spec.description)


def _numbers(result: NodeResult | None, as_of: datetime) -> dict[str, Any]:
    written = 0 if result is None else result.row_count
    counts = {"rows_written": written} if written is not None and written >= 0 else {}
    return {"seconds": result.seconds if result else 0.0, **counts, "as_of": dg.MetadataValue.timestamp(as_of)}


def _check_result(settings: Settings, key: dg.AssetCheckKey, result: NodeResult | None, sentence: str | None) -> dg.AssetCheckResult:
    if result is None:
        return dg.AssetCheckResult(
            passed=True, asset_key=key.asset_key, check_name=key.name, metadata={"message": "nothing was touched since it last held"}
        )
    details: dict[str, Any] = {"seconds": result.seconds, "failing_rows": result.failure_count or 0}
    if result.status != "pass":
        details |= {
            "message": result.message,
            "samples": "; ".join(failing_keys(settings, result)),
            "sql": dg.MetadataValue.md(f"```sql\n{result.compiled_sql}\n```"),
        }
    severity = dg.AssetCheckSeverity.WARN if result.status == "warn" else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(
        passed=result.status == "pass",
        asset_key=key.asset_key,
        check_name=key.name,
        severity=severity,
        description=sentence,
        metadata=details,
    )


def nightly_checks(dbt: dg.AssetsDefinition, manifest: Mapping[str, Any]) -> list[dg.AssetCheckKey]:
    """Checks of the dbt tests that hourly runs leave out: all but those tagged `gate`."""
    return [spec.key for spec in dbt.check_specs if "gate" not in manifest["nodes"][spec.metadata[UNIQUE_ID]]["tags"]]


def build_freshness(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetChecksDefinition:
    """How fresh the sources are, by what their yml calls usual, as checks on `raw`. They warn only: a quiet night is no error."""
    sources = {
        node["name"]: (node["loaded_at_field"], node["freshness"]["warn_after"])
        for node in manifest["sources"].values()
        if (node.get("freshness") or {}).get("warn_after", {}).get("count")
    }
    specs = [
        dg.AssetCheckSpec(
            "freshness",
            asset=["raw", name],
            description="Warns when the newest row is older than the source declares as usual (freshness in the yml).",
        )
        for name in sources
    ]

    @dg.multi_asset_check(name="freshness", specs=specs, can_subset=True, description="How old the newest row of each source table is.")
    def freshness(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        for name in sorted(key.asset_key.path[-1] for key in context.selected_asset_check_keys):
            field, usual = sources[name]
            with plain_failures():
                newest, is_fresh = _newest(settings, name, field, f"{usual['count']} {usual['period']}")
            yield dg.AssetCheckResult(
                passed=is_fresh,
                asset_key=["raw", name],
                check_name="freshness",
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"newest": newest or "no row", "usual": f"{usual['count']} {usual['period']}"},
            )

    return freshness


def _newest(settings: Settings, table: str, field: str, usual: str) -> tuple[str | None, bool]:
    """The newest instant of a table of `raw`, and whether it is no older than usual. What `dbt source freshness` asks, without starting dbt each hour."""
    with warehouse.connect(settings) as connection:
        row = connection.execute(
            warehouse.trusted_sql("select max({})::text, coalesce(max({}) >= now() - {}::interval, false) from {}").format(
                warehouse.trusted_sql(field), warehouse.trusted_sql(field), usual, sql.Identifier("raw", table)
            )
        ).fetchone()
    assert row is not None  # an aggregate without group by always gives one row
    return row
