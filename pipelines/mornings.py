"""Whose morning has come: creators who want mail, their local clock, and the editions that they have not had yet.

Belongs here: preferences, local dates, which edition, open or closed gate. Does not: rendering and sending (delivery), what a mail says (reports/mail.py).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg

from pipelines import gates, links, publish, render, warehouse
from pipelines.problem import Problem
from pipelines.settings import Settings

OPENS = time(7)
"""Local time from which a morning's mail is due."""
CLOSES = time(12)
"""Local time from which a mail that could not go out is given up for the day."""
_LONGEST_BACK = timedelta(hours=12)
"""A morning is over at local noon, so an earlier walk than this before the tables' instant is none of today's."""

STALE_AFTER = timedelta(minutes=150)
"""Tables that are older than this are not mailed about: the hourly job has stood still."""
NOTICES = ("studentAtRisk", "quizFailure", "studentCompletion")
"""Preferences for notices, as the platform names them; `weeklySummary` is the fourth."""

Edition = Literal["daily", "weekly"]


@dataclass(frozen=True)
class Morning:
    """A creator's mail that is due. `wishes` are the notices that the creator wants; `is_last_call`: after this try the day is given up."""

    creator_id: str
    company: str
    email: str
    timezone: str
    local_on: date
    edition: Edition
    wishes: frozenset[str]
    is_last_call: bool

    @property
    def has_address(self) -> bool:
        """Whether the address can be one: mail servers would refuse all others, and some hold them against the sender."""
        return re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?", self.email) is not None


def local(now: datetime, timezone: str) -> datetime:
    """`now` on the creator's clock; on that of UTC when the zone is none that we know."""
    try:
        return now.astimezone(ZoneInfo(timezone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return now.astimezone(ZoneInfo("UTC"))


def has_come(now: datetime, timezone: str) -> tuple[date, bool, bool]:
    """The creator's date, whether its mail is due by now, and whether this is the last call of the day."""
    clock = local(now, timezone)
    return clock.date(), clock.time() >= OPENS, clock.time() >= CLOSES


def due(connection: psycopg.Connection, now: datetime, chosen: Iterable[str] = ()) -> list[Morning]:
    """Mornings that have come and have no outcome yet, of all entitled creators who want mail or of those `chosen` (ids or names), by id."""
    names, zones = render.entitled_creators(connection, now), _zones(connection)
    wanted = set(links.find_creators(names, chosen)) or set(names)
    settled = _settled(connection, now)
    found = []
    for creator_id, email, wishes in _wishes(connection):
        if creator_id not in wanted or creator_id not in zones:
            continue
        local_on, is_due, is_last_call = has_come(now, zones[creator_id])
        is_weekly = local_on.weekday() == 0 and "weeklySummary" in wishes
        notices = wishes & set(NOTICES)
        if is_due and (creator_id, local_on) not in settled and (is_weekly or notices):
            edition: Edition = "weekly" if is_weekly else "daily"
            found.append(
                Morning(creator_id, names[creator_id] or "", email, zones[creator_id], local_on, edition, frozenset(notices), is_last_call)
            )
    return sorted(found, key=lambda morning: morning.creator_id)


def require_present(now: datetime, as_of: datetime | None) -> None:
    """A `Problem` when the tables know of later days than the mornings of `now`: their mails would tell of those."""
    if as_of is not None and now < as_of - _LONGEST_BACK:
        raise Problem(
            f"the tables are as of {as_of:%Y-%m-%d %H:%M} UTC, and the mornings of {now:%Y-%m-%d %H:%M} UTC are over; leave out --as-of, or name a time after that."
        )


def closed_gates(connection: psycopg.Connection, settings: Settings, now: datetime) -> Callable[[str], str | None]:
    """Asked with a creator's id: why its gate is closed, by its rows or because all tables are old; None while it is open."""
    closed, as_of = gates.closed(connection), publish.published_as_of(connection)
    stale = gates.lag(connection, settings)
    if as_of is None or now - as_of > STALE_AFTER:
        stale = f"the tables are {f'as of {as_of:%Y-%m-%d %H:%M} UTC' if as_of else 'not published'}"
    return lambda creator_id: closed.get(creator_id) or stale


def _zones(connection: psycopg.Connection) -> dict[str, str]:
    with connection.transaction():
        warehouse.set_role(connection, "bi_reader")
        return dict(connection.execute("select creator_id::text, timezone from analytics.creator_overview").fetchall())


def _wishes(connection: psycopg.Connection) -> list[tuple[str, str, set[str]]]:
    """Creator, address and preferences that are on; creators without an address are left out. JSON of another shape wishes nothing."""
    rows = connection.execute(
        """select p.creator_id::text, btrim(p.export_preferences ->> 'email'), array_agg(wish)
           from staging.stg_creator_preferences as p cross join unnest(%s::text[]) as wish
           where jsonb_typeof(p.export_preferences -> 'email') = 'string' and btrim(p.export_preferences ->> 'email') <> ''
               and p.notification_settings -> 'emailNotifications' -> wish = 'true'
           group by 1, 2""",
        (["weeklySummary", *NOTICES],),
    ).fetchall()
    return [(creator_id, email, set(wishes)) for creator_id, email, wishes in rows]


def _settled(connection: psycopg.Connection, now: datetime) -> set[tuple[str, date]]:
    """Creators and local dates whose mail has had its outcome: one a day, whichever edition it was."""
    rows = connection.execute(
        "select creator_id::text, local_on from ops.outbox where local_on >= %s and status <> 'waiting'", (now.date() - timedelta(days=1),)
    ).fetchall()
    return {(creator_id, local_on) for creator_id, local_on in rows}
