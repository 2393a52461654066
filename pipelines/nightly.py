"""The steps that only the job `daily` has, beside the reports: the comparison with a full build, and saving the ledger.

Belongs here: keys, descriptions and outcomes as Dagster shows them, and what a difference stops. Does not: comparing (comparison), saving (keeping).
"""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from pipelines import building, comparison, gates, keeping, warehouse
from pipelines.catalog import Catalog
from pipelines.comparison import Difference
from pipelines.keeping import KeptTable
from pipelines.models import Model
from pipelines.problem import Problem
from pipelines.runs import enter_run, plain_failures
from pipelines.settings import Settings

CHECK = "compare"
SAVED_GROUP = "8_saved"
BECAUSE = "Built in steps equals built in full: each row is the one that computing all models whole, on one snapshot, gives."


def comparison_keys(catalog: Catalog) -> list[dg.AssetCheckKey]:
    """The checks of the comparison: one per table."""
    return [dg.AssetCheckKey(_asset_key(model), CHECK) for model in comparison.compared_models(catalog)]


def _asset_key(model: Model) -> dg.AssetKey:
    return dg.AssetKey([model.schema, model.name])


def build_comparison(settings: Settings, catalog: Catalog) -> dg.AssetChecksDefinition:
    """One step that compares all tables with a full build, one check per table."""
    compared = comparison.compared_models(catalog)
    specs = [dg.AssetCheckSpec(CHECK, asset=_asset_key(model), description=BECAUSE) for model in compared]

    @dg.multi_asset_check(
        name=CHECK,
        specs=specs,
        required_resource_keys={"run_guard"},
        can_subset=True,  # a table materialized in the UI brings its own check along
        pool="warehouse",
        description="Compute all models whole into scratch tables and compare. The creators of rows that differ keep their old rows; a row that names none "
        "stops the publish.",
    )
    def compare(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        chosen = [model for model in compared if dg.AssetCheckKey(_asset_key(model), CHECK) in context.selected_asset_check_keys]
        with plain_failures():
            run = enter_run(context)
            try:
                differing = comparison.compare(settings, catalog, only=[model.name for model in chosen], say=context.log.warning)
            except Exception:
                building.mark(settings, run, "building")  # what could not be compared is not published
                raise
        found = {difference.model: difference for difference in differing}
        yield from (_result(model, found.get(model.name)) for model in chosen)
        with plain_failures():
            held = settle(settings, run, chosen, found)
        context.log.info(f"{len(chosen) - len(found)} of {len(chosen)} tables equal a full build{gates.say_held(held)}")

    return compare


def settle(settings: Settings, run: warehouse.Run, compared: Sequence[Model], found: Mapping[str, Difference]) -> int:
    """Hold back the creators whose rows differ (how many), and let go those whose rows do no longer. A `Problem` when a row that differs names no creator: the marts then
    count as not built, whatever other checks say, so that nothing is published."""
    unnamed = [difference for difference in found.values() if difference.creators is None]
    if unnamed:
        building.mark(settings, run, "building")
        said = "; ".join(difference.summary for difference in unnamed[:3])
        raise Problem(
            f"tables differ from a full build in rows that name no creator ({said}). Nothing is published; materialize these assets to rebuild them."
        )
    named = {model.name: found[model.name].creators or () if model.name in found else () for model in compared}
    return gates.hold_back(settings, run, {f"{CHECK} {name}": creators for name, creators in named.items()})


def _result(model: Model, difference: Difference | None) -> dg.AssetCheckResult:
    metadata: dict[str, int | str] = {}
    if difference is not None:
        metadata = {
            "rows_missing": difference.missing_count,
            "rows_too_many": difference.extra_count,
            "rows_changed": difference.changed_count,
            "samples": "; ".join(difference.samples),
            "creators": "none named" if difference.creators is None else len(difference.creators),
        }
    return dg.AssetCheckResult(
        passed=difference is None, asset_key=_asset_key(model), check_name=CHECK, description=BECAUSE, metadata=metadata
    )


def build_saving(settings: Settings, catalog: Catalog) -> dg.AssetsDefinition:
    """One step that saves all primary data, so that it comes from one snapshot."""
    tables = [*keeping.SMALL, *keeping.day_tables(catalog)]
    specs = [_saved_spec(table) for table in tables]
    retry = dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL)

    # Last of all, also when the publish or a report failed: nobody waits for it, and it waits for no check.
    @dg.multi_asset(name="ledger_save", specs=specs, retry_policy=retry, op_tags={"dagster/priority": "-2"})
    def ledger_save(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        """Write the days whose rows changed to the ledger's bucket, one Parquet object per table and day, and the small tables whole."""
        with plain_failures(is_retried=True):
            saved = {item.table: item for item in keeping.save(settings, catalog, say=context.log.info)}
        context.log.info(
            f"saved {sum(item.row_count for item in saved.values()):,} rows in {sum(item.written_count for item in saved.values())} objects"
        )
        for table in tables:
            item = saved.get(table.name, keeping.TableSaved(table.name))
            metadata = {"objects_written": item.written_count, "rows_written": item.row_count, "objects_deleted": item.deleted_count}
            yield dg.MaterializeResult(asset_key=["saved", table.name], metadata=metadata)

    return ledger_save


def _saved_spec(table: KeptTable) -> dg.AssetSpec:
    how = (
        f"one object per day (`{table.saved_by}`), written again when its rows changed"
        if table.saved_by
        else "one object, written each night"
    )
    return dg.AssetSpec(
        dg.AssetKey(["saved", table.name]),
        deps=[dg.AssetKey(["raw", "students"] if table is keeping.ERASURES else [table.schema, table.name])],
        group_name=SAVED_GROUP,
        description=f"{table.schema}.{table.name} in the ledger's bucket as Parquet: {how}. `creator-reports restore-ledger` brings it back.",
        kinds={"parquet"},
    )
