"""Fills the source tables with a believable made-up platform: `creator-reports load demo`.

Belongs here: the plan of such a platform, and the order in which the SQL files beside this module fill the tables.
Does not: how the platform lives on (life.py), the tables themselves (source.py).

Rows are made by the server, set-based; every number in them is a hash of (seed, what it is for, row number), so the same plan gives the
same rows whatever plan the server picks. This process only sends text and counts rows.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
from psycopg import sql

from pipelines.local import demo_history, source
from pipelines.problem import UsageProblem

SCHEMA = "app"

WORDS = ("demo_words.sql", "demo_questions.sql")
"""Files without parameters; demo and life write with the same words."""

FILLS = (
    ("creators and content", "demo_creators.sql"),
    ("students and their sittings", "demo_students.sql"),
    ("video progress", "demo_progress.sql"),
    ("chats", "demo_chat.sql"),
    ("messages", "demo_messages.sql"),
    ("quizzes taken and projects", "demo_quizzes.sql"),
    ("answers", "demo_answers.sql"),
    ("students, XP, payments", "demo_outcomes.sql"),
)
"""What is filled, in this order: each file reads the temporary tables plan_* of those before it."""

REPLICA_FILLS: tuple[tuple[str, str], ...] = ()
"""Files that only a replica gets: rows that constraints would refuse (orphans, unknown codes). A replica without any is a clean one."""

MOST_STUDENTS = 4_000_000
"""Row numbers are hashed as 32 bits; with more students (at up to 1,024 rows each) ids would repeat."""


@dataclass(frozen=True)
class DemoPlan:
    """What `load` makes: the same plan gives the same rows. Raises UsageProblem for a plan that makes no sense.

    `days`: length of the platform's history before `as_of`, its newest instant (aware). `largest_share`: share of the students that the
    largest creator has, raised to an equal share where it is below one; `steepness`: of the power law of the others, 0 for as many each.
    `history`: also the ledger that hourly runs over those days would have left behind, in the same database. `replica`: tables without
    constraints.
    """

    creators: int
    students: int
    seed: int
    days: int
    as_of: datetime
    largest_share: float = 1 / 3
    history: bool = False
    replica: bool = False
    steepness: float = 1.1

    def __post_init__(self) -> None:
        rules = {
            f"--creators must be between 1 and 100,000, not {self.creators:,}": 1 <= self.creators <= 100_000,
            f"--students must be between 0 and {MOST_STUDENTS:,}, not {self.students:,}": 0 <= self.students <= MOST_STUDENTS,
            f"--days must be between 1 and 3,650, not {self.days:,}": 1 <= self.days <= 3650,
            f"--largest-share must be above 0 and at most 1, not {self.largest_share:g}": 0 < self.largest_share <= 1,
            f"--seed must fit into 64 bits, {self.seed} does not": -(2**63) <= self.seed < 2**63,
            f"--as-of must be in 2000 or later, not {self.as_of.isoformat()}": self.as_of.year >= 2000,
            f"--as-of needs a time zone, {self.as_of.isoformat()} has none; add Z for UTC": self.as_of.tzinfo is not None,
        }
        for message, holds in rules.items():
            if not holds:
                raise UsageProblem(message)


def load(connection: psycopg.Connection, plan: DemoPlan, say: Callable[[str], None]) -> dict[str, int]:
    """Replaces the schema `app` by the platform of the plan, in one transaction, committed; returns rows per table.

    Raises UsageProblem when `as_of` is in the future, Problem when the schema is not ours to replace, or a history has no place here.
    """
    try:
        refuse_future(connection, plan.as_of)
        if plan.history:
            demo_history.require_unwritten(connection)
        source.build(connection, schema=SCHEMA, replica=plan.replica)
        definitions = source.take_off(connection, SCHEMA)
        fill(connection, plan, say)
        started = time.monotonic()
        source.put_back(connection, definitions)
        connection.execute(sql.SQL("analyze {}").format(sql.SQL(", ").join(sql.Identifier(SCHEMA, table) for table in source.TABLES)))
        say(f"keys and indexes: {time.monotonic() - started:.1f} s")
        rows = count_rows(connection)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    say(f"{plan.creators:,} creators, {plan.students:,} students, {sum(rows.values()):,} rows in {len(rows)} tables")
    return rows


def fill(connection: psycopg.Connection, plan: DemoPlan, say: Callable[[str], None]) -> None:
    """Writes all rows into the empty tables; nothing is checked on the way."""
    as_of = plan.as_of.astimezone(UTC).replace(tzinfo=None)
    parameters = {
        "seed": plan.seed,
        "schema": SCHEMA,
        "as_of": as_of,
        "starts": as_of - timedelta(days=plan.days),
        "sizes": creator_sizes(plan.creators, plan.students, plan.largest_share, plan.steepness),
    }
    prepare(connection, plan.seed)
    run_file(connection, "demo_clock.sql")
    for what, file in FILLS + (demo_history.FILLS if plan.history else ()) + (REPLICA_FILLS if plan.replica else ()):
        started = time.monotonic()
        run_file(connection, file, parameters)
        say(f"{what}: {time.monotonic() - started:.1f} s")


def prepare(connection: psycopg.Connection, seed: int) -> None:
    """Settings, functions and words that the SQL files need, until the transaction ends (functions: the session)."""
    source.enter(connection, SCHEMA)
    # Sizes of generated series are guessed far too high: plans would be compiled, and millions of rows sorted for merge joins.
    connection.execute(
        "set local jit = off; set local enable_mergejoin = off; set local work_mem = '128MB'; set local maintenance_work_mem = '256MB'"
    )
    run_file(connection, "demo_functions.sql", {"seed": seed})
    for file in WORDS:
        run_file(connection, file)


def run_file(connection: psycopg.Connection, file: str, parameters: Mapping[str, object] | None = None) -> None:
    """Runs the statements of a SQL file beside this module, with `%(name)s` replaced by quoted values."""
    psycopg.ClientCursor(connection).execute(Path(__file__).with_name(file).read_bytes(), parameters)


def creator_sizes(creators: int, students: int, largest_share: float, steepness: float = 1.1) -> list[int]:
    """Students per creator, largest first, exact in sum: a power law below the share of the largest.

    From 4 creators on, the last one has no students. The exponent is at most `steepness`, less where the second would outgrow the largest.
    """
    filled = creators - 1 if creators >= 4 else creators
    share = max(largest_share, 1 / filled) if filled > 1 else 1.0
    largest = round(students * share)
    low, high = 0.0, steepness
    for _ in range(40):
        middle = (low + high) / 2
        fits = (1 - share) * second_share(filled, middle) <= 0.8 * share
        low, high = (middle, high) if fits else (low, middle)
    weights = [rank**-low for rank in range(2, filled + 1)]
    rest, total = students - largest, sum(weights)
    bounds = [0]
    for weight in weights:
        bounds.append(bounds[-1] + weight)
    cuts = [round(rest * bound / total) for bound in bounds] if total else [0]
    sizes = [largest, *(after - before for before, after in pairwise(cuts))]
    return sizes + [0] * (creators - filled)


def second_share(filled: int, exponent: float) -> float:
    """Share that the second largest creator has of the students of all but the largest."""
    weights = [rank**-exponent for rank in range(2, filled + 1)]
    return weights[0] / sum(weights) if weights else 0.0


def refuse_future(connection: psycopg.Connection, as_of: datetime) -> None:
    """A platform cannot have rows of tomorrow."""
    row = connection.execute("select %s > clock_timestamp() + interval '5 minutes'", [as_of]).fetchone()
    if row == (True,):
        raise UsageProblem(f"--as-of {as_of.isoformat()} is in the future; give an instant that has passed")


def count_rows(connection: psycopg.Connection) -> dict[str, int]:
    """Rows per table of the source, in the order of the contract."""
    one = sql.SQL("select {}, count(*) from {}")
    counts = [one.format(table, sql.Identifier(SCHEMA, table)) for table in source.TABLES]
    found = dict(connection.execute(sql.SQL(" union all ").join(counts)).fetchall())
    return {table: found[table] for table in source.TABLES}
