"""When things run: partitions, jobs, schedules.

Belongs here: which assets a job covers, its retries, and when it is due. Does not: what a step does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from pipelines.runs import EXPORTS_JOB, MORNINGS_JOB, NIGHTLY_JOB, TICK_TAG

if TYPE_CHECKING:  # Dagster does not export the type that its define_asset_job returns
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

_RETRIES = {"dagster/max_retries": "2", "dagster/retry_strategy": "ALL_STEPS"}
"""A run whose process dies is started again twice at most, from its first step: steps in between rest on what the run itself built."""


def build_partitions(first_day: date) -> dg.DailyPartitionsDefinition:
    """One partition per edition day, today included."""
    return dg.DailyPartitionsDefinition(start_date=first_day.isoformat(), end_offset=1)


def build_jobs(nightly_checks: Iterable[dg.AssetCheckKey]) -> list[UnresolvedAssetJobDefinition]:
    """The jobs `hourly`, `daily`, `mornings` and `exports`."""
    everything = dg.AssetSelection.all(include_sources=False) - dg.AssetSelection.groups("9_delivered")
    hourly = dg.define_asset_job(
        "hourly",
        selection=everything - dg.AssetSelection.groups("7_reports", "8_saved") - dg.AssetSelection.checks(*nightly_checks),
        description="Read what changed, check it, book it, build the models, check them, publish. Every hour on the hour, UTC.",
        tags=_RETRIES,
    )
    daily = dg.define_asset_job(
        NIGHTLY_JOB,
        selection=everything,
        description="All of `hourly`, reading 30 days again, with all tests and the comparison with a full build, then the reports of all creators on an "
        "enterprise plan, and the ledger saved to its bucket. At 03:00 UTC. "
        "To render some creators only, list their ids or names in the Launchpad under ops > reports > config > creators.",
        tags=_RETRIES,
    )
    mornings = dg.define_asset_job(
        MORNINGS_JOB,
        selection=dg.AssetSelection.assets(["delivered", MORNINGS_JOB]),
        description="Mail to creators whose local 07:00 has passed: the weekly edition on their Monday, else what is new, with the link to the fresh report. "
        "Ten minutes past every hour. To mail some creators only, list their ids or names in the Launchpad under ops > send_mornings > config > creators.",
        tags=_RETRIES,
    )
    exports = dg.define_asset_job(
        EXPORTS_JOB,
        selection=dg.AssetSelection.assets(["delivered", EXPORTS_JOB]),
        description="Make the exports that creators asked for (ops.export_requests). A sensor starts it when a request waits.",
    )
    return [hourly, daily, mornings, exports]


def build_schedules() -> list[dg.ScheduleDefinition]:
    """All run from the start. The daily job does the hourly work of 03:00 itself. After an outage Dagster makes up for the newest missed tick of each, once."""

    @dg.schedule(
        job_name="hourly",
        cron_schedule="0 0-2,4-23 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Each full hour but 03:00.",
    )
    def hourly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        tick = context.scheduled_execution_time
        return dg.RunRequest(run_key=tick.isoformat(), tags={TICK_TAG: tick.isoformat()})

    @dg.schedule(
        job_name=NIGHTLY_JOB,
        cron_schedule="0 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Each day at 03:00 UTC.",
    )
    def daily_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        tick = context.scheduled_execution_time
        return dg.RunRequest(run_key=tick.isoformat(), partition_key=tick.date().isoformat(), tags={TICK_TAG: tick.isoformat()})

    @dg.schedule(
        job_name=MORNINGS_JOB,
        cron_schedule="10 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Ten minutes past each hour: after what the hour has published.",
    )
    def mornings_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat())

    return [hourly_schedule, daily_schedule, mornings_schedule]
