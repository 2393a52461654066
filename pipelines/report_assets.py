"""The reports as Dagster assets, one partition per edition day.

Belongs here: which creators and which day, the numbers of a materialization, red or green. Does not: rendering (render).
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import dagster as dg
from pydantic import Field

from pipelines import export_log, freshness, links, publish, render, report_status, revocation, warehouse
from pipelines.assets import numbers
from pipelines.catalog import Catalog, Report
from pipelines.creator_files import Order, Tally
from pipelines.problem import Problem
from pipelines.runs import PARTITION_TAG, plain_failures, requester
from pipelines.settings import Settings

SUCCESS_WANTED = 0.95
"""Below this share of creators rendered, the report step ends red."""


class RenderConfig(dg.Config):
    """What the Launchpad may narrow. Reading, checking and publishing always cover everybody."""

    creators: list[str] = Field(
        default=[],
        description="Ids or names of the creators whose reports are rendered; leave it empty for all creators on an enterprise plan.",
    )


def _report_spec(report: Report) -> dg.AssetSpec:
    return dg.AssetSpec(
        dg.AssetKey(["reports", report.name]),
        deps=[dg.AssetKey(["analytics", mart]) for mart in report.marts],
        group_name="7_reports",
        description=f"{report.description} Per creator, as {', '.join(report.scheduled).upper()}.",
        kinds=set(report.scheduled),
        freshness_policy=freshness.DAILY,
    )


def build_reports(settings: Settings, catalog: Catalog, partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """All reports as one step, so that a creator's files come from one snapshot."""
    specs = [_report_spec(catalog.reports[name]) for name in catalog.edition("daily")]

    @dg.multi_asset(name="reports", specs=specs, partitions_def=partitions, can_subset=True, backfill_policy=dg.BackfillPolicy.multi_run(1))
    def render_reports(context: dg.AssetExecutionContext, config: RenderConfig) -> Iterator[dg.MaterializeResult]:
        """Render and upload the files of all entitled creators; what has not changed stays. A past day lists what was delivered then."""
        with plain_failures():
            order = _order(settings, context)
            for result in _render_edition(settings, catalog, order, config.creators, context):
                if PARTITION_TAG not in context.run.tags and result.asset_key:  # the day has its reports all the same
                    context.log_event(dg.AssetMaterialization(result.asset_key, partition=str(order.edition_on), metadata=result.metadata))
                yield result

    return render_reports


def _order(settings: Settings, context: dg.AssetExecutionContext) -> Order:
    """The selected reports of the run's partition; of the day that the tables are of where none was chosen, as the Launchpad allows."""
    names = tuple(key.path[-1] for key in sorted(context.selected_asset_keys))
    tags = context.run.tags
    if PARTITION_TAG in tags:
        edition_on = date.fromisoformat(tags[PARTITION_TAG])
    else:
        with warehouse.connect(settings, autocommit=True) as connection:
            edition_on = (publish.published_as_of(connection) or datetime.now(UTC)).date()
        context.log.info(f"no partition was chosen: this is the edition of {edition_on}")
    return Order(context.run.run_id, requester(tags), edition_on, names)


def _render_edition(
    settings: Settings, catalog: Catalog, order: Order, chosen: list[str], context: dg.AssetExecutionContext
) -> Iterator[dg.MaterializeResult]:
    with warehouse.connect(settings, autocommit=True) as connection:
        as_of = publish.published_as_of(connection)
        if as_of is None or as_of.date() < order.edition_on:
            stand = f"as of {as_of:%Y-%m-%d %H:%M} UTC" if as_of else "not at all"
            raise Problem(
                f"analytics is published {stand}, so there are no rows for the edition of {order.edition_on}; run the daily job of that day."
            )
        if as_of.date() > order.edition_on:
            delivered = export_log.edition_files(connection, order.edition_on)
            context.log.info(f"{order.edition_on} is past: {len(delivered)} files were delivered then; nothing is rendered")
            yield from (
                _delivered_result(name, order.edition_on, [entry for entry in delivered if entry.report == name]) for name in order.reports
            )
            return
        entitled = render.entitled_creators(connection, as_of)
        wanted = links.find_creators(entitled, chosen) or list(entitled)
    closed = report_status.follow_gates(settings, order.run_id, wanted)
    creators = [creator for creator in wanted if creator not in closed]
    held = [f"creator {creator} keeps the last good report: {closed[creator]}" for creator in wanted if creator in closed]
    for line in held[:20]:
        context.log.warning(line)
    report_status.follow_plans(settings, entitled, order.run_id)
    revocation.follow_plans(settings, entitled, order.run_id, context.log.info)
    began = time.monotonic()
    tally = render.render_all(settings, catalog, order, creators, say=context.log.info, advance=_progress(context.log.info))
    context.log.info(f"{summarize(tally)}; {len(held)} with a closed gate keep their last good report")
    for problem in tally.problems[:20]:
        context.log.error(problem)
    if tally.success_rate < SUCCESS_WANTED:
        first = tally.problems[0] if tally.problems else ""
        raise Problem(
            f"{tally.creators['failed']} of {tally.creators.total()} creators failed, the rest have their files. First: {first}. Run again: only what is missing is done."
        )
    counts = {f"creators_{state}": tally.creators[state] for state in ("done", "unchanged", "failed")} | {"creators_held": len(held)}
    counts |= {f"files_{event}": tally.files[event] for event in ("finished", "unchanged", "failed")}
    for name in order.reports:
        yield dg.MaterializeResult(
            asset_key=["reports", name],
            metadata=numbers(as_of, **counts, bytes_uploaded=tally.byte_count, step_seconds=round(time.monotonic() - began, 3)),
        )


def summarize(tally: Tally) -> str:
    """One line on what became of creators and files."""
    creators, files = tally.creators, tally.files
    return (
        f"reports: {creators['done']} creators with new files, {creators['unchanged']} unchanged, {creators['failed']} failed;"
        f" {files['finished']} files uploaded ({tally.byte_count:,} bytes), {files['unchanged']} left as they are"
    )


def _progress(say: Callable[[str], None]) -> Callable[[int, int], None]:
    """Say how far rendering is, at most every five seconds."""
    last = time.monotonic()

    def advance(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= 5:
            last = time.monotonic()
            say(f"rendered {done:,} of {total:,} creators")

    return advance


def _delivered_result(name: str, edition_on: date, entries: list[export_log.LoggedEntry]) -> dg.MaterializeResult:
    lines = [
        f"| {entry.creator_id} | {entry.format} | {entry.row_count} | {entry.as_of:%Y-%m-%d %H:%M} | {entry.sha256} |"
        for entry in entries[:200]
    ]
    table = "\n".join(["| creator | format | rows | as of | sha256 |", "|---|---|---|---|---|", *lines])
    return dg.MaterializeResult(
        asset_key=["reports", name],
        metadata={"edition": str(edition_on), "files_delivered": len(entries), "delivered": dg.MetadataValue.md(table)},
    )
