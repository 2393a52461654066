"""What the data team is told when a run has ended, wherever it was started.

Belongs here: which messages an end brings, which causes it clears. Does not: words (watching), sending (alerts), when to look (sensors, jobs).
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from pipelines import alerts, watching
from pipelines.run_failures import BrokenCheck
from pipelines.settings import Settings


def run_failed(settings: Settings, job: str, run_id: str, cause: str) -> None:
    """Tell of a run that failed for good; raises as `alerts.tell` does. Nobody is told without ALERT_URLS."""
    if settings.alert_urls is not None:
        now = datetime.now(UTC)
        alerts.tell(settings, watching.failed_run(settings, job, run_id, cause, now), now)


def run_succeeded(settings: Settings, job: str, run_id: str, broken: Iterable[BrokenCheck]) -> None:
    """Forget the failures of a job that works again, and tell of the checks that did not hold and did not stop it."""
    if settings.alert_urls is None:
        return
    now = datetime.now(UTC)
    found = [watching.broken_check(job, run_id, check, now) for check in broken]
    alerts.forget(settings, f"run {job}")
    if job in {"hourly", "daily"}:
        alerts.forget(settings, "check", but=[alert.cause for alert in found])
    for alert in found:
        alerts.tell(settings, alert, now)
