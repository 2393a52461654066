"""The steps that write tables as Dagster assets: read, book, publish. (dbt's are in transform, the doors in audit, the reports in report_assets.)

Belongs here: keys, groups, descriptions, and the numbers that a person looks for on each materialization.
Does not: the work itself; each step calls one function of ingest, booking or publish.
"""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dagster as dg

from pipelines import booking, freshness, ingest, links, publish, report_status
from pipelines.catalog import Catalog, Mart, SourceTable, code_version
from pipelines.runs import ACCEPT_DELETIONS_TAG, ACCEPT_LOSSES_TAG, NIGHTLY_JOB, chosen_creators, enter_run, plain_failures
from pipelines.settings import Settings

_LEDGER_SOURCES = {
    "watch_gains": ["video_progress"],
    "ledger_opening": ["video_progress"],
    "creator_zones": ["creators", "creator_preferences"],
    "tombstones": ["students"],
}
"""What the booking step writes beside the mirror, and from which tables."""


def build_steps(settings: Settings, catalog: Catalog) -> list[dg.AssetsDefinition]:
    """The three steps that write tables, in the order of the data."""
    return [_read_step(settings, catalog), _book_step(settings, catalog), _publish_step(settings, catalog)]


def numbers(as_of: datetime, **values: Any) -> dict[str, Any]:
    """Metadata of a materialization: `as_of` and `values`, under names that stay, so that Dagster can plot them."""
    return {"as_of": dg.MetadataValue.timestamp(as_of), **values}


def _source_spec(table: SourceTable, schema: str, group: str, what: str) -> dg.AssetSpec:
    deps = [dg.AssetKey(["incoming", table.name])] if schema == "raw" else []
    return dg.AssetSpec(
        dg.AssetKey([schema, table.name]),
        deps=deps,
        group_name=group,
        description=f"{what} {table.description}",
        kinds={"postgres"},
        freshness_policy=freshness.HOURLY,
    )


def _read_step(settings: Settings, catalog: Catalog) -> dg.AssetsDefinition:
    what = "Rows that changed since the last run, before anything is booked."
    specs = [_source_spec(table, "incoming", "1_incoming", what) for table in catalog.sources.values()]
    retry = dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL)

    @dg.multi_asset(name="read", specs=specs, required_resource_keys={"run_guard"}, retry_policy=retry, pool="warehouse")
    def read(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        """Read what changed in the source since the watermarks, all tables from one snapshot; set bad rows aside. Nightly compare all keys: read what runs missed,
        note what is gone. Stops when too much is gone; the tag `creator-reports/accept_deletions` on the run lets it go on."""
        with plain_failures(is_retried=True):
            links.require_known(settings, chosen_creators(context))  # now, not at the end of the night
            run = enter_run(context)
            context.log.info(f"as of {run.as_of:%Y-%m-%d %H:%M} UTC")
            began = time.monotonic()
            reads = ingest.read_source(
                settings,
                catalog.sources.values(),
                run,
                is_nightly=context.job_name == NIGHTLY_JOB,
                accepts_deletions=ACCEPT_DELETIONS_TAG in context.run.tags,
                say=context.log.debug,
            )
        context.log.info(
            f"read {sum(item.read_count for item in reads):,} rows of {len(reads)} tables and {sum(item.missed_count for item in reads):,} that runs had missed,"
            f" {sum(item.set_aside_count for item in reads):,} set aside"
        )
        for item in reads:
            metadata = numbers(
                run.as_of,
                rows_in=item.read_count,
                rows_missed_before=item.missed_count,
                set_aside=item.set_aside_count,
                step_seconds=round(time.monotonic() - began, 3),
            )
            yield dg.MaterializeResult(asset_key=["incoming", item.table], metadata=metadata)

    return read


def _book_step(settings: Settings, catalog: Catalog) -> dg.AssetsDefinition:
    what = "The mirror of a source table that everything else reads."
    specs = [_source_spec(table, "raw", "2_raw", what) for table in catalog.sources.values()]
    specs += [
        dg.AssetSpec(
            dg.AssetKey(["raw", name]),
            deps=[dg.AssetKey(["incoming", source]) for source in _LEDGER_SOURCES[name]],
            group_name="2_raw",
            description=description,
            kinds={"postgres"},
            freshness_policy=freshness.HOURLY,
        )
        for name, description in catalog.ledger.items()
    ]

    @dg.multi_asset(name="book", specs=specs, required_resource_keys={"run_guard"}, pool="warehouse")
    def book(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        """Merge the checked rows into `raw`, take out what is gone, append to the ledger, note which keys were touched and move the watermarks, in one
        transaction. A student who is gone gets a tombstone, and is erased by a later night that misses the student again."""
        with plain_failures():
            run = enter_run(context)
            began = time.monotonic()
            booked = booking.book(settings, catalog, run, say=context.log.info)
        for item in booked:
            metadata = numbers(
                run.as_of,
                rows_in=item.row_count,
                rows_changed=item.changed_count,
                rows_gone=item.gone_count,
                step_seconds=round(time.monotonic() - began, 3),
            )
            yield dg.MaterializeResult(asset_key=["raw", item.table], metadata=metadata)
        for name in catalog.ledger:
            yield dg.MaterializeResult(asset_key=["raw", name], metadata=numbers(run.as_of))

    return book


def _mart_spec(mart: Mart, *, is_daily: bool) -> dg.AssetSpec:
    return dg.AssetSpec(
        dg.AssetKey(["analytics", mart.name]),
        deps=[dg.AssetKey(["marts", mart.name])],
        group_name="6_analytics",
        description=f"Published: {mart.description}",
        kinds={"postgres"},
        freshness_policy=freshness.DAILY if is_daily else freshness.HOURLY,
        skippable=is_daily,  # an hourly run leaves it as it is, and so must not count as its materialization
    )


def _publish_step(settings: Settings, catalog: Catalog) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="publish",
        specs=[_mart_spec(mart, is_daily=catalog.models[mart.name].is_daily) for mart in catalog.marts.values()],
        required_resource_keys={"run_guard"},
        pool="warehouse",
        op_tags={"dagster/priority": "-1"},  # after every check of the marts: those that hold creators back do not block for Dagster
    )
    def publish_marts(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        """Merge the audited marts into `analytics` in one transaction, then let the next run in."""
        with plain_failures():
            run = enter_run(context)
            began = time.monotonic()
            is_nightly = context.job_name == NIGHTLY_JOB
            accepts = not {ACCEPT_LOSSES_TAG, ACCEPT_DELETIONS_TAG}.isdisjoint(
                context.run.tags
            )  # who follows deletions wants their rows to go
            tables = publish.publish(
                settings, catalog.marts.values(), run, code_version(), is_nightly=is_nightly, accepts_losses=accepts, say=context.log.info
            )
            report_status.follow_gates(settings, run.run_id)
            context.resources.run_guard.leave()
        for table in tables:
            if catalog.models[table.table].is_daily and not is_nightly:
                continue
            metadata = numbers(
                run.as_of,
                rows_published=table.written_count,
                rows_removed=table.removed_count,
                step_seconds=round(time.monotonic() - began, 3),
            )
            counted = {} if table.row_count is None else {"dagster/row_count": table.row_count}
            yield dg.MaterializeResult(asset_key=["analytics", table.table], metadata={**metadata, **counted})

    return publish_marts
