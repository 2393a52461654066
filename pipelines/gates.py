"""Delivery gates: whose are closed and why, and those that a failed check closes: the creators whom its rows name are held back, nobody else.

Belongs here: reading `ops.gates`, and writing it for checks. Does not: gates of creators with bad rows (quarantine), what a closed gate keeps from
happening (publish, report_assets, links).
"""

from collections.abc import Iterable, Mapping

import psycopg

from pipelines import warehouse
from pipelines.settings import Settings

REASON = "check failed: "
"""Reasons that this module writes begin so."""
BAD_ROWS = "bad rows: "
"""Reasons that quarantine writes begin so."""


def closed(connection: psycopg.Connection) -> dict[str, str]:
    """Creators whose gate is closed, with the reasons: they get no new files and no new links, and keep the last good report."""
    return dict(
        connection.execute(
            "select creator_id::text, string_agg(reason, '; ' order by reason) from ops.gates group by creator_id"
        ).fetchall()
    )


def hold_back(settings: Settings, run: warehouse.Run, found: Mapping[str, Iterable[str]]) -> int:
    """For each check (its name) close the gates of the creators that it names and open those that it closed before; the number of creators held back."""
    with warehouse.owned_transaction(settings, run) as connection:
        for name, named in found.items():
            reason, creators = REASON + name, sorted(named)
            connection.execute("delete from ops.gates where reason = %s and not creator_id = any(%s::uuid[])", (reason, creators))
            connection.cursor().executemany(
                "insert into ops.gates values (%s, %s, %s) on conflict do nothing", [(creator, reason, run.as_of) for creator in creators]
            )
        row = connection.execute("select count(distinct creator_id) from ops.gates where reason like %s", (REASON + "%",)).fetchone()
    return row[0] if row else 0
