"""Dagster's own instance: where runs, events, schedules and compute logs live.

Belongs here: writing `dagster.yaml`, opening the instance, its connections. Does not: what runs.
"""

import weakref
from typing import Any

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef

from pipelines import warehouse
from pipelines.settings import Settings, export_environment

REPOSITORY = "__repository__@creator-reports"
"""The definitions as the code server of workspace.yaml offers them: a run that says so is listed with its job in the UI."""

_NO_OUTPUT = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager", "config": {}}

SCHEMA = "dagster"
"""Dagster's tables lie in a schema of their own, in the same Postgres."""

_kept = weakref.WeakSet[dg.DagsterInstance]()
"""The instances whose connections stay open."""


def environment(settings: Settings) -> dict[str, str]:
    """What Dagster's processes need in their environment besides our own settings."""
    url = warehouse.sqlalchemy_url(settings)
    joint = "&" if "?" in url else "?"
    return {
        "DAGSTER_HOME": str(settings.dagster_folder),
        "DAGSTER_POSTGRES_URL": f"{url}{joint}options=-csearch_path%3D{SCHEMA}",
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }


def _compute_logs(settings: Settings) -> dict[str, Any]:
    if settings.compute_logs_bucket:
        config: dict[str, Any] = {"bucket": settings.compute_logs_bucket, "prefix": "compute-logs"}
        if settings.s3_endpoint_url:
            config["endpoint_url"] = settings.s3_endpoint_url
        return {"module": "dagster_aws.s3.compute_log_manager", "class": "S3ComputeLogManager", "config": config}
    folder = str(settings.dagster_folder / "compute_logs")
    return {"module": "dagster._core.storage.local_compute_log_manager", "class": "LocalComputeLogManager", "config": {"base_dir": folder}}


def _configuration(settings: Settings) -> dict[str, Any]:
    return {
        "storage": {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}},
        "compute_logs": _compute_logs(settings),
        "local_artifact_storage": {
            "module": "dagster._core.storage.root",
            "class": "LocalArtifactStorage",
            "config": {"base_dir": str(settings.dagster_folder)},
        },
        "concurrency": {"runs": {"max_concurrent_runs": 4}},
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {"dequeue_interval_seconds": 1},
        },
        "run_monitoring": {"enabled": True, "start_timeout_seconds": 180, "poll_interval_seconds": 60},
        "run_retries": {"enabled": True, "max_retries": 0, "retry_on_asset_or_op_failure": False},
        "python_logs": {"python_log_level": "INFO"},
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
    }


def prepare(settings: Settings) -> None:
    """Write `dagster.yaml` when it differs, make Dagster's schema, and point this process at both."""
    folder = settings.dagster_folder
    folder.mkdir(parents=True, exist_ok=True)
    text = "# Written by creator-reports from its settings; change those, not this file.\n" + yaml.safe_dump(
        _configuration(settings), sort_keys=False
    )
    path = folder / "dagster.yaml"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    with warehouse.connect(settings) as connection:
        connection.execute(f"create schema if not exists {SCHEMA}".encode())
    export_environment(environment(settings))


def open_instance(settings: Settings, *, keeps_output: bool = True) -> dg.DagsterInstance:
    """The instance that UI, daemon and command line share. Without `keeps_output` what a step prints goes straight to the terminal, not through a file and
    two more processes for each step and stream, which a Ctrl-C would end too, with tracebacks of their own."""
    prepare(settings)
    overrides = {} if keeps_output else {"compute_logs": _NO_OUTPUT}
    found = dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(settings.dagster_folder), overrides=overrides))
    keep_connections(found)
    return found


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Let this process' instance keep its connections, as Dagster's webserver does, until the process ends.

    Otherwise each event of a run opens several: 2,300 in an hourly run, which cost more than half of what a small one costs, here and in Postgres.
    """
    if instance not in _kept and not instance.is_ephemeral:
        _kept.add(instance)
        instance.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=20)
