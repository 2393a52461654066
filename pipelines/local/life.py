"""Lets the made-up platform live on, hour by hour, after its newest instant: `creator-reports tick`.

Belongs here: the order of what happens in an hour, and the demo's clock. Does not: the rows of the past (demo.py).

Each hour is one transaction that also moves the clock (`demo.clock`, beside the platform's tables), so a tick that is cut short has lived
some whole hours. What happens is a hash of (seed, hour, row): the same state and hours give the same rows.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg

from pipelines.local import demo, source
from pipelines.problem import Problem, UsageProblem

HOUR = (
    "life_sittings.sql",
    "life_watching.sql",
    "life_asking.sql",
    "demo_messages.sql",
    "demo_answers.sql",
    "life_members.sql",
    "life_rewards.sql",
)
"""The files of an hour: each reads the temporary tables plan_* of those before it."""

CHANGES = """
select relname, n_tup_ins + n_tup_upd + n_tup_del from pg_stat_xact_user_tables where schemaname = %s"""


def tick(connection: psycopg.Connection, hours: int, say: Callable[[str], None]) -> dict[str, int]:
    """Lives `hours` more hours, each committed; returns rows inserted, updated and deleted per table.

    Raises UsageProblem for less than one hour, Problem when the source was not made by `load demo`.
    """
    if hours < 1:
        raise UsageProblem(f"--hours must be at least 1, not {hours}")
    total: Counter[str] = Counter(dict.fromkeys(source.TABLES, 0))
    try:
        for hour in range(1, hours + 1):
            now, changes = live_an_hour(connection)
            connection.commit()
            total.update(changes)
            if hour % 24 == 0 or hour == hours:
                ahead = (
                    " (ahead of real time: runs set rows aside that lie more than an hour ahead, until then)"
                    if now > datetime.now(UTC).replace(tzinfo=None)
                    else ""
                )
                say(f"hour {hour} of {hours}: the platform's clock stands at {now:%Y-%m-%d %H:%M} UTC{ahead}; {total.total():,} changes")
    except BaseException:
        connection.rollback()
        raise
    return dict(total)


def live_an_hour(connection: psycopg.Connection) -> tuple[datetime, dict[str, int]]:
    """One hour in the open transaction: the new newest instant (naive UTC) and the changes per table."""
    seed, at = read_clock(connection)
    parameters = {"schema": demo.SCHEMA, "at": at, "as_of": at + timedelta(hours=1)}
    demo.prepare(connection, seed_of_hour(seed, at))
    before = count_changes(connection)
    for file in HOUR:
        demo.run_file(connection, file, parameters)
    after = count_changes(connection)
    return parameters["as_of"], {table: after[table] - before[table] for table in source.TABLES}


def read_clock(connection: psycopg.Connection) -> tuple[int, datetime]:
    """Seed and newest instant of the demo in this source, locked until the transaction ends: two ticks follow each other."""
    row = _find_clock(connection)
    if row is None:
        raise Problem("this source holds no made-up platform that could live on; run `creator-reports load demo` first")
    return row


def hours_behind(connection: psycopg.Connection, now: datetime) -> int:
    """Whole hours from the demo's newest instant to `now`; 0 where this source holds none."""
    row = _find_clock(connection)
    return 0 if row is None else max((now.astimezone(UTC).replace(tzinfo=None) - row[1]) // timedelta(hours=1), 0)


def _find_clock(connection: psycopg.Connection) -> tuple[int, datetime] | None:
    if connection.execute("select to_regclass('demo.clock')").fetchone() == (None,):
        return None
    query = """select seed, at from demo.clock join pg_namespace as n on n.oid = schema_oid where nspname = %s for update of clock"""
    row = connection.execute(query, [demo.SCHEMA]).fetchone()
    return row if row and source.is_ours(connection, demo.SCHEMA) else None


def seed_of_hour(seed: int, at: datetime) -> int:
    """A seed of its own for each hour, so that row numbers may begin again at 1."""
    digest = hashlib.blake2b(f"{seed} {at.isoformat()}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def count_changes(connection: psycopg.Connection) -> Counter[str]:
    """Rows that this transaction wrote so far, per table (and what the server has not yet reported of earlier ones)."""
    return Counter(dict(connection.execute(CHANGES, [demo.SCHEMA]).fetchall()))
