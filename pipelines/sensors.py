"""Sensors: what Dagster looks at every few seconds.

Belongs here: when to look. Does not: what is found (watching), who is told (alerts), serving (export_requests).
"""

from datetime import UTC, datetime

import dagster as dg

from pipelines import alerts, export_line, telling, warehouse, watching
from pipelines.run_failures import broken_checks, first_cause
from pipelines.runs import EXPORTS_JOB
from pipelines.settings import Settings

_UNDER_WAY = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
_NOBODY = "ALERT_URLS is not set: nobody is told"


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """All sensors. They run from the start."""
    return [_waiting_exports(settings), _failed_runs(settings), _finished_runs(settings), _gates_and_exports(settings)]


def _waiting_exports(settings: Settings) -> dg.SensorDefinition:
    @dg.sensor(
        name="waiting_exports",
        job_name=EXPORTS_JOB,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        description="Starts one run for all exports that wait, unless one is under way, which takes them on; blanks links that have ended.",
    )
    def waiting_exports(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        with warehouse.connect(settings, autocommit=True) as connection:
            waiting = export_line.tidy(connection)
        if not waiting:
            return dg.SkipReason("no request waits")
        if context.instance.get_runs_count(dg.RunsFilter(job_name=EXPORTS_JOB, statuses=_UNDER_WAY)):
            return dg.SkipReason(f"{waiting} requests wait; a run is under way and takes them on")
        return dg.RunRequest()

    return waiting_exports


def _failed_runs(settings: Settings) -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        description="Tells the data team of a run that failed for good: not of an attempt that Dagster repeats.",
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        run = context.dagster_run
        if settings.alert_urls is None:
            return dg.SkipReason(_NOBODY)
        if run.tags.get("dagster/will_retry") == "true":
            return dg.SkipReason("Dagster repeats this run")
        cause = first_cause(_evaluations(context.instance, run.run_id), context.get_step_failure_events())
        if not context.get_step_failure_events():
            cause = f"its process ended: {context.failure_event.message or 'nobody knows why'}"
        telling.run_failed(settings, run.job_name, run.run_id, cause)
        return None

    return failed_runs


def _finished_runs(settings: Settings) -> dg.SensorDefinition:
    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="finished_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=15,
        description="Tells the data team of checks that did not hold in a run that went on, and forgets the failures of a job that works again.",
    )
    def finished_runs(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        if settings.alert_urls is None:
            return dg.SkipReason(_NOBODY)
        run = context.dagster_run
        telling.run_succeeded(settings, run.job_name, run.run_id, broken_checks(_evaluations(context.instance, run.run_id)))
        return None

    return finished_runs


def _gates_and_exports(settings: Settings) -> dg.SensorDefinition:
    @dg.sensor(
        name="gates_and_exports",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=60,
        description="Tells the data team of closed delivery gates, once per reason, and at 08:00 UTC of the exports and mails that failed.",
    )
    def gates_and_exports(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if settings.alert_urls is None:
            return dg.SkipReason(_NOBODY)
        now = datetime.now(UTC)
        gates, summary = watching.closed_gates(settings), watching.yesterday(settings, now)
        alerts.forget(settings, "gate", but=[alert.cause for alert in gates])
        told = [alerts.tell(settings, alert, now) for alert in [*gates, *([summary] if summary else [])]]
        return dg.SkipReason(f"{sum(told)} of {len(told)} causes were told now")

    return gates_and_exports


def _evaluations(instance: dg.DagsterInstance, run_id: str) -> list[dg.AssetCheckEvaluation]:
    records = instance.get_records_for_run(run_id=run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    events = [record.event_log_entry.dagster_event for record in records]
    return [event.asset_check_evaluation_data for event in events if event is not None]
