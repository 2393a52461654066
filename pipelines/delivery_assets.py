"""Mail and exports on request as Dagster assets.

Belongs here: the clock and the numbers of a materialization, red or green. Does not: rendering and sending (delivery,
export_requests).
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from pipelines import delivery, export_requests
from pipelines.assets import numbers
from pipelines.catalog import Catalog
from pipelines.problem import Problem
from pipelines.report_assets import SUCCESS_WANTED
from pipelines.runs import AS_OF_TAG, EXPORTS_JOB, MORNINGS_JOB, MORNINGS_STEP, plain_failures, requester
from pipelines.settings import Settings


class MorningConfig(dg.Config):
    """What the Launchpad may narrow."""

    creators: list[str] = Field(
        default=[], description="Ids or names of the creators who are mailed; leave it empty for all whose morning has come."
    )


def build_mornings(settings: Settings, catalog: Catalog) -> dg.AssetsDefinition:
    """The mail of creators whose morning has come."""

    spec = dg.AssetSpec(
        dg.AssetKey(["delivered", MORNINGS_JOB]),
        deps=[dg.AssetKey(["reports", name]) for name in catalog.edition("daily")],
        group_name="9_delivered",
        description="Mail to creators, once per local morning: the link to a fresh report, five numbers, what is new. One row each in ops.outbox.",
        kinds={"email"},
    )

    @dg.multi_asset(name=MORNINGS_STEP, specs=[spec])
    def send_mornings(context: dg.AssetExecutionContext, config: MorningConfig) -> Iterator[dg.MaterializeResult]:
        """Mail with the link to a fresh report, once per creator and local morning, to those who want it. What could not go out is tried again until local noon."""
        if settings.smtp_host is None:
            context.log.warning("SMTP_HOST is not set: nothing is mailed")
            yield dg.MaterializeResult(metadata={"mails_sent": 0})
            return
        tags = context.run.tags
        now = datetime.fromisoformat(tags[AS_OF_TAG]) if AS_OF_TAG in tags else datetime.now(UTC)
        trip = delivery.Trip(now, context.run.run_id, requester(tags))
        began = time.monotonic()
        with plain_failures():
            outcome = delivery.deliver(settings, catalog, trip, config.creators, say=context.log.info)
            counts = {f"mails_{state}": count for state, count in sorted(outcome.counts.items())}
            context.log.info(
                f"mornings: {', '.join(f'{count} {state}' for state, count in sorted(outcome.counts.items())) or 'nothing is due'}"
            )
            for problem in outcome.problems[:20]:
                context.log.error(problem)
            if outcome.success_rate < SUCCESS_WANTED:
                left = outcome.counts["failed"] + outcome.counts["waiting"]
                raise Problem(
                    f"{left} of {left + outcome.counts['sent']} mails were not taken."
                    f" First: {outcome.problems[0] if outcome.problems else 'reports that could not be rendered'}. The next hour's run tries again until local noon."
                )
        yield dg.MaterializeResult(metadata=numbers(now, **counts, step_seconds=round(time.monotonic() - began, 3)))

    return send_mornings


PATIENCE = timedelta(seconds=60)
"""How long a run waits for further requests: starting the next one would take longer than serving most of them."""


def build_exports(settings: Settings, catalog: Catalog) -> dg.AssetsDefinition:
    """Exports that were asked for through the app."""
    spec = dg.AssetSpec(
        dg.AssetKey(["delivered", EXPORTS_JOB]),
        deps=[dg.AssetKey(["analytics", report.mart]) for report in catalog.reports.values()],
        group_name="9_delivered",
        description="Exports that creators asked for (ops.export_requests): checked, rendered, with the link in the row.",
        kinds={"csv", "json", "xlsx"},
    )

    @dg.multi_asset(name="serve_exports", specs=[spec])
    def serve_exports(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        """Serve all requests in line, and those that come within a minute of the last. One that fails has its reason in the row; the rest go on."""
        began = time.monotonic()
        with plain_failures():
            counts = export_requests.serve(settings, catalog, context.run.run_id, patience=PATIENCE, say=context.log.info)
        outcomes = {f"requests_{state}": count for state, count in sorted(counts.items())}
        yield dg.MaterializeResult(metadata=numbers(datetime.now(UTC), **outcomes, step_seconds=round(time.monotonic() - began, 3)))

    return serve_exports
