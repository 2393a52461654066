"""What the data team is told: one message per cause and repeat window, through whatever ALERT_URLS names.

Belongs here: the message, `ops.alerts`, sending. Does not: noticing that something is wrong (watching).
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipelines import warehouse
from pipelines.problem import Problem
from pipelines.settings import Settings

if TYPE_CHECKING:
    import apprise

_KEPT = timedelta(days=30)
_ADDRESS = re.compile(r"https?://\S+")
_NUMBER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]+")


@dataclass(frozen=True)
class Alert:
    """Something that a person should see to. `cause` tells it from others; `since` is known from the first time it was seen unless given.

    `repeats`: told again each ALERT_REPEAT_HOURS while it goes on; else once.
    """

    cause: str
    title: str
    what: str
    whom: str
    todo: str
    since: datetime | None = None
    repeats: bool = True

    def text(self, since: datetime) -> str:
        """The message. Addresses of the web are left out: some are links that open a creator's file."""
        lines = (("What", self.what), ("Whom", self.whom), ("Since", f"{since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"), ("Do", self.todo))
        return "\n".join(f"{name}: {_ADDRESS.sub('…', ' '.join(words.split()))}" for name, words in lines)


def cause_of(kind: str, words: str) -> str:
    """A cause whose numbers and ids do not matter: the same trouble an hour later is the same cause."""
    return f"{kind}: {_NUMBER.sub('#', ' '.join(words.split()))[:200]}"


def tell(settings: Settings, alert: Alert, now: datetime) -> bool:
    """Tell the data team unless it was told of the cause within the window; whether it was told now.

    The row is locked meanwhile, so that two processes tell once. Killed before the commit, it is told again.

    Raises:
        Problem: an address in ALERT_URLS is none, or does not take the message; it is tried again with the next look.
    """
    window = timedelta(hours=settings.alert_repeat_hours)
    with warehouse.connect(settings) as connection:
        row = connection.execute(
            """insert into ops.alerts as known (cause, first_seen_at, last_seen_at) values (%s, %s, %s)
               on conflict (cause) do update set last_seen_at = excluded.last_seen_at, seen_count = known.seen_count + 1
               returning first_seen_at, told_at""",
            (alert.cause, alert.since or now, now),
        ).fetchone()
        assert row is not None  # the statement always returns the row
        since, told_at = row
        if told_at is not None and (not alert.repeats or now - told_at < window):
            return False
        _send(settings, alert.title, alert.text(since))
        connection.execute("update ops.alerts set told_at = %s where cause = %s", (now, alert.cause))
        connection.execute("delete from ops.alerts where last_seen_at < %s", (now - _KEPT,))
    return True


def forget(settings: Settings, kind: str, but: Iterable[str] = ()) -> int:
    """Forget causes of a kind that are gone, all `but` those that go on: when one comes back, it is told at once."""
    with warehouse.connect(settings) as connection:
        return connection.execute(
            "delete from ops.alerts where starts_with(cause, %s) and cause <> all(%s)", (f"{kind}: ", list(but))
        ).rowcount


def require_addresses(settings: Settings) -> None:
    """A `Problem` unless Apprise knows what each address in ALERT_URLS is; nobody is told anything."""
    _team(settings)


def _send(settings: Settings, title: str, body: str) -> None:
    if not _team(settings).notify(title=f"Creator Reports: {title}", body=body, body_format="text", notify_type="warning"):
        raise Problem(f"not every address in ALERT_URLS took the message {title!r}; it is tried again.")


def _team(settings: Settings) -> "apprise.Apprise":
    import apprise  # a second to import, and most processes tell nobody anything

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its log may name the addresses, which hold secrets
    team = apprise.Apprise()
    urls = settings.alert_urls.get_secret_value().split() if settings.alert_urls else []
    for number, url in enumerate(urls, start=1):
        if not team.add(url):
            raise Problem(f"address {number} of {len(urls)} in ALERT_URLS is none that Apprise knows; see .env.example.")
    return team
