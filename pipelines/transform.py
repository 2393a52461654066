"""The dbt project as Dagster assets, its tests as asset checks.

Belongs here: telling Dagster what there is and what came of each node. Does not: running dbt (dbt_runs), what models compute (dbt_project).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets

from pipelines import warehouse
from pipelines.dbt_runs import NodeResult, failing_keys, run_dbt
from pipelines.runs import enter_run, plain_failures
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
        return spec and spec._replace(description=describe_test(manifest["nodes"][unique_id]))


def describe_test(node: Mapping[str, Any]) -> str:
    """The sentence of a dbt test: its own from the yml, or for a grain test the grain in words."""
    test = node.get("test_metadata") or {}
    if test.get("name") == "grain" and not node.get("description"):
        return f"One row per {' and '.join(test['kwargs']['columns'])}, none of them null."
    return node.get("description") or ""


def build_assets(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """All seeds and models as one step, their data tests as its checks."""

    @dbt_assets(manifest=manifest, dagster_dbt_translator=Translator(), name="dbt", required_resource_keys={"run_guard"}, pool="warehouse")
    def dbt(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        """Build the models in dependency order, each followed by its tests. A failed test stops everything behind it."""
        is_whole = context.selected_asset_keys == context.assets_def.keys
        with plain_failures():
            run = enter_run(context)
            _mark(settings, run, "building")
            results = run_dbt(
                settings, ["build", "--exclude-resource-type", "unit_test", *_selection(context, manifest, is_whole)], run.as_of
            )
        yield from _events(settings, context, results, run.as_of)
        bad = [result for result in results if not result.is_good and result.status != "skipped"]
        if bad:
            lines = "; ".join(f"{result.name}: {result.message}" for result in bad[:3])
            raise dg.Failure(f"dbt: {len(bad)} of {len(results)} nodes failed. {lines}", allow_retries=False)
        if is_whole:
            with plain_failures():
                _mark(settings, run, "built")
        context.log.info(f"dbt: {_summary(results)}")

    return dbt


def _summary(results: Sequence[NodeResult]) -> str:
    models = sum(result.kind in {"model", "seed"} for result in results)
    tests = [result for result in results if result.kind == "test"]
    warned = [result.name for result in tests if result.status == "warn"]
    return f"{models} models built, {len(tests)} tests passed" + (f", {len(warned)} with a warning ({', '.join(warned)})" if warned else "")


def _mark(settings: Settings, run: warehouse.Run, state: str) -> None:
    """Say how far the tables in `marts` are; `publish` takes only audited ones."""
    with warehouse.owned_transaction(settings, run) as connection:
        connection.execute("update ops.build set state = %s, built_run_id = %s, built_as_of = %s", (state, run.run_id, run.as_of))


def _selection(context: dg.AssetExecutionContext, manifest: Mapping[str, Any], is_whole: bool) -> list[str]:
    """dbt arguments for what Dagster selected: all or some models, with or without the tests tagged `nightly`."""
    specs = {spec.key: spec.metadata[UNIQUE_ID] for spec in context.assets_def.specs}
    arguments = [] if is_whole else ["--select", *sorted(manifest["nodes"][specs[key]]["name"] for key in context.selected_asset_keys)]
    chosen = {_check_id(context, key) for key in context.selected_asset_check_keys}
    has_nightly = any("nightly" in manifest["nodes"][unique_id]["tags"] for unique_id in chosen)
    return arguments if has_nightly else [*arguments, "--exclude", "tag:nightly,resource_type:test"]


def _check_id(context: dg.AssetExecutionContext, key: dg.AssetCheckKey) -> str:
    return context.assets_def.get_spec_for_check_key(key).metadata[UNIQUE_ID]


def _events(
    settings: Settings, context: dg.AssetExecutionContext, results: Sequence[NodeResult], as_of: datetime
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    keys = {spec.metadata[UNIQUE_ID]: spec.key for spec in context.assets_def.specs}
    checks = {_check_id(context, key): key for key in context.selected_asset_check_keys}
    for result in results:
        timing = {"seconds": result.seconds}
        if result.unique_id in keys and result.is_good:
            counts = {"dagster/row_count": result.row_count} if result.row_count is not None and result.row_count >= 0 else {}
            yield dg.MaterializeResult(
                asset_key=keys[result.unique_id], metadata={**timing, **counts, "as_of": dg.MetadataValue.timestamp(as_of)}
            )
        elif result.unique_id in checks and result.status != "skipped":
            key = checks[result.unique_id]
            is_warning = result.status == "warn"
            details = (
                {}
                if result.status == "pass"
                else {
                    "message": result.message,
                    "samples": "; ".join(failing_keys(settings, result)),
                    "sql": dg.MetadataValue.md(f"```sql\n{result.compiled_sql}\n```"),
                }
            )
            yield dg.AssetCheckResult(
                passed=result.status == "pass",
                asset_key=key.asset_key,
                check_name=key.name,
                severity=dg.AssetCheckSeverity.WARN if is_warning else dg.AssetCheckSeverity.ERROR,
                metadata={**timing, "failing_rows": result.failure_count or 0, **details},
            )


def nightly_checks(dbt: dg.AssetsDefinition, manifest: Mapping[str, Any]) -> list[dg.AssetCheckKey]:
    """Checks of the dbt tests tagged `nightly`, which hourly runs leave out."""
    return [spec.key for spec in dbt.check_specs if "nightly" in manifest["nodes"][spec.metadata[UNIQUE_ID]]["tags"]]


def build_freshness(settings: Settings, manifest: Mapping[str, Any]) -> dg.AssetChecksDefinition:
    """The source freshness of dbt as checks on `raw`. They warn only: a quiet night is no error."""
    sources = {
        node["unique_id"]: node["name"]
        for node in manifest["sources"].values()
        if (node.get("freshness") or {}).get("warn_after", {}).get("count")
    }
    specs = [
        dg.AssetCheckSpec(
            "freshness",
            asset=["raw", name],
            description="Warns when the newest row is older than the source declares as usual (dbt source freshness).",
        )
        for name in sources.values()
    ]

    @dg.multi_asset_check(name="freshness", specs=specs, description="How old the newest row of each source table is.")
    def freshness(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with plain_failures():
            results = run_dbt(settings, ["source", "freshness"], datetime.now(UTC))
        for result in results:
            if result.unique_id in sources:
                is_fresh = result.status == "pass"
                yield dg.AssetCheckResult(
                    passed=is_fresh,
                    asset_key=["raw", sources[result.unique_id]],
                    check_name="freshness",
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={"status": result.status, "message": result.message},
                )

    return freshness
