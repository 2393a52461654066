"""The servers that the settings name, for `creator-reports status`: whether they answer, and where.

Belongs here: one look at Postgres, the object store, the mail server and the addresses of the data team. Does not: the embedded servers
(local/world), checks of the data (checkup).
"""

from collections.abc import Callable
from typing import NamedTuple

import psycopg

from pipelines import alerts, warehouse
from pipelines.mail_server import MailServer, NotTaken
from pipelines.problem import Problem
from pipelines.settings import Settings
from pipelines.store import Store


class Server(NamedTuple):
    """What a setting names, where it is, and how it stands: `answers`, or what is wrong."""

    name: str
    address: str
    state: str
    is_good: bool


def look(settings: Settings) -> list[Server]:
    """Postgres and the two buckets."""
    address = settings.require_database_url().get_secret_value()
    place = settings.s3_endpoint_url or f"AWS ({settings.aws_region})"
    return [
        _look("Postgres (DATABASE_URL)", _place(address), lambda: warehouse.open_connection(address).close()),
        _look("S3 (S3_BUCKET)", f"{place}, bucket {settings.s3_bucket}", Store(settings).require),
        _look("S3 (LEDGER_BUCKET)", f"{place}, bucket {settings.ledger_bucket}", Store(settings, is_ledger=True).require),
    ]


def look_beside(settings: Settings) -> list[Server]:
    """The same of whoever is told: the mail server, and the data team's addresses, which are not tried; nothing of what is not set."""
    found = []
    if settings.smtp_host is not None:
        found.append(_look("Mail (SMTP_HOST)", f"{settings.smtp_host}:{settings.smtp_port}", MailServer(settings).require))
    if settings.alert_urls is not None:
        count = len(settings.alert_urls.get_secret_value().split())
        found.append(
            _look(
                "Alerts (ALERT_URLS)",
                f"{count} {'address' if count == 1 else 'addresses'}",
                lambda: alerts.require_addresses(settings),
                "known",
            )
        )
    return found


def _place(address: str) -> str:
    try:
        return warehouse.describe(address)
    except psycopg.ProgrammingError:  # no address at all; the state says so, and it may hold a password
        return "–"


def _look(name: str, address: str, look_at: Callable[[], None], good: str = "answers") -> Server:
    try:
        look_at()
    except (Problem, NotTaken) as trouble:
        return Server(name, address, str(trouble), is_good=False)
    return Server(name, address, good, is_good=True)
