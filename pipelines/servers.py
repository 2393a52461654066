"""The servers that the settings name, for `creator-reports status`: whether they answer, and where.

Belongs here: one look at Postgres, the object store, the mail server and the addresses of the data team. Does not: the embedded servers
(local/world), checks of the data (checkup).
"""

from collections.abc import Callable

import psycopg

from pipelines import alerts, warehouse
from pipelines.mail_server import MailServer, NotTaken
from pipelines.problem import Problem
from pipelines.settings import Settings
from pipelines.store import Store


def look(settings: Settings) -> list[tuple[str, str, str]]:
    """Name, state and address of each; a state is `answers`, or what is wrong."""
    address = settings.require_database_url().get_secret_value()
    place = settings.s3_endpoint_url or f"AWS ({settings.aws_region})"
    return [
        ("Postgres (DATABASE_URL)", _state(lambda: warehouse.open_connection(address).close()), _place(address)),
        ("S3 (S3_BUCKET)", _state(lambda: Store(settings).require()), f"{place}, bucket {settings.s3_bucket}"),
        ("S3 (LEDGER_BUCKET)", _state(lambda: Store(settings, is_ledger=True).require()), f"{place}, bucket {settings.ledger_bucket}"),
    ]


def look_beside(settings: Settings) -> list[tuple[str, str, str]]:
    """The same of whoever is told: the mail server, and the data team's addresses, which are not tried; nothing of what is not set."""
    found = []
    if settings.smtp_host is not None:
        found.append(("Mail (SMTP_HOST)", _state(MailServer(settings).require), f"{settings.smtp_host}:{settings.smtp_port}"))
    if settings.alert_urls is not None:
        count = len(settings.alert_urls.get_secret_value().split())
        found.append(
            (
                "Alerts (ALERT_URLS)",
                _state(lambda: alerts.require_addresses(settings), "known"),
                f"{count} {'address' if count == 1 else 'addresses'}",
            )
        )
    return found


def _place(address: str) -> str:
    try:
        return warehouse.describe(address)
    except psycopg.ProgrammingError:  # no address at all; the state says so, and it may hold a password
        return "–"


def _state(look_at: Callable[[], None], good: str = "answers") -> str:
    try:
        look_at()
    except (Problem, NotTaken) as trouble:
        return str(trouble)
    return good
