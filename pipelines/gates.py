"""Delivery gates: whose are closed and why, and those that a failed check closes: the creators whom its rows name are held back, nobody else.

Belongs here: reading `ops.gates`, calling those creators by name, and writing it for checks. Does not: gates of creators with bad rows
(quarantine), what a closed gate keeps from happening (publish, report_assets, links).
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import psycopg

from pipelines import warehouse
from pipelines.settings import Settings

REASON = "check failed: "
"""Reasons that this module writes begin so."""
BAD_ROWS = "bad rows: "
"""Reasons that quarantine writes begin so."""
LAG = "not fresh: "
"""Reasons that hold for everybody begin so."""


def closed(connection: psycopg.Connection, settings: Settings | None = None, creators: Iterable[str] = ()) -> dict[str, str]:
    """Creators whose gate is closed, with the reasons: they get no new files and no new links, and keep the last good report.

    With `settings`, those of `creators` too while the source is a replica that lags too far behind: then nobody's rows are fresh.
    """
    found = dict(
        connection.execute(
            "select creator_id::text, string_agg(reason, '; ' order by reason) from ops.gates group by creator_id"
        ).fetchall()
    )
    stale = lag(connection, settings) if settings else None
    return dict.fromkeys(creators, stale) | found if stale else found


def named(connection: psycopg.Connection, creators: Iterable[str]) -> dict[str, str]:
    """How people call each of `creators`: name and id, or the id of one whose row was never taken in or has no name."""
    ids = list(creators)
    found: dict[str, str] = {}
    if connection.execute("select to_regclass('raw.creators')").fetchone() != (None,):
        query = "select id::text, company_name from raw.creators where id = any(%s::uuid[]) and trim(company_name) <> ''"
        found = {creator: f"{' '.join(name.split())[:60]} ({creator})" for creator, name in connection.execute(query, (ids,)).fetchall()}
    return {creator: found.get(creator, creator) for creator in ids}


def lag(connection: psycopg.Connection, settings: Settings) -> str | None:
    """Why nobody's rows are fresh: the source that the last run read did not follow the platform. A quiet night is no reason: nothing happened in it."""
    row = connection.execute("select booked_as_of, complete_through from ops.build").fetchone()
    if row is None or row[1] is None:
        return None
    behind = row[0] - row[1] - timedelta(minutes=settings.late_commit_minutes)
    if behind <= timedelta(minutes=settings.max_replication_lag_minutes):
        return None
    return f"{LAG}the source is a replica that follows only up to {row[1]:%Y-%m-%d %H:%M} UTC"


def hold_back(settings: Settings, run: warehouse.Run, found: Mapping[str, Iterable[str]]) -> int:
    """For each check (its name) close the gates of the creators that it names and open those that it closed before; the number of creators that they hold back."""
    with warehouse.owned_transaction(settings, run) as connection:
        for name, named in found.items():
            reason, creators = REASON + name, sorted(named)
            connection.execute("delete from ops.gates where reason = %s and not creator_id = any(%s::uuid[])", (reason, creators))
            connection.cursor().executemany(
                "insert into ops.gates values (%s, %s, %s) on conflict do nothing", [(creator, reason, run.as_of) for creator in creators]
            )
        row = connection.execute(
            "select count(distinct creator_id) from ops.gates where reason = any(%s)", ([REASON + name for name in found],)
        ).fetchone()
    return row[0] if row else 0


def say_held(count: int) -> str:
    """What a check that named creators says of them; nothing of none."""
    return (
        f"; {count:,} {'creator is' if count == 1 else 'creators are'} held back and {'keeps' if count == 1 else 'keep'} the old rows"
        if count
        else ""
    )
