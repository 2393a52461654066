"""A batch of generated platforms, side by side as creators of one database, run after run; and where the two answers part.

Belongs here: playing events, comparing tables, saying what differs. Does not: running steps (warm), answers (answers).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from psycopg import sql

from tests.oracle.answers import KEYS, Oracle, Table
from tests.oracle.events import Event
from tests.oracle.mirror import Snapshot
from tests.oracle.place import Place, snapshot_tables
from tests.oracle.schedules import Schedule
from tests.oracle.warm import Warm

_MISSING = "no row"


@dataclass(frozen=True)
class Difference:
    """A value that the pipeline and the oracle see differently after run number `run`."""

    run: int
    platform: int | None
    table: str
    key: tuple
    column: str
    pipeline: Any
    oracle: Any

    def __str__(self) -> str:
        key = ", ".join(f"{name}={value}" for name, value in zip(KEYS[self.table], self.key, strict=True))
        return f"run {self.run}, platform {self.platform}: {self.table} ({key}).{self.column}: pipeline {self.pipeline!r}, oracle {self.oracle!r}"


@dataclass(frozen=True)
class Step:
    """A run that was played: what it saw, and what differs after it."""

    number: int
    snapshot: Snapshot
    differences: list[Difference]


def play(warm: Warm, schedule: Schedule, platforms: Sequence[Sequence[Event]], *, is_tested: bool = True) -> Iterator[Step]:
    """Play the platforms run by run, each a creator of the one database.

    dbt's tests are asked in nightly runs and in the last one only, since they take longer than all else; without `is_tested` never.
    """
    places = [Place(number, schedule) for number in range(len(platforms))]
    owners = {place.creator_id: place.number for place in places}
    oracle = Oracle()
    for number, as_of in enumerate(schedule.instants):
        for place, events in zip(places, platforms, strict=True):
            place.run = number
            for event in events:
                if event.run == number:
                    event.happen(place)
        snapshot = Snapshot(as_of, number in schedule.nightly, snapshot_tables(places))
        warm.write_source(snapshot.tables)
        warm.run(as_of, is_nightly=snapshot.is_nightly, is_tested=is_tested and (snapshot.is_nightly or as_of == schedule.instants[-1]))
        expected = oracle.see(snapshot)
        found = hide_erased(published(warm), oracle.mirror.erased, known=oracle.students_ever() - oracle.mirror.erased)
        yield Step(number, snapshot, compare(number, found, hide_erased(expected, oracle.mirror.erased, known=None), owners))


def published(warm: Warm) -> dict[str, Table]:
    """The published tables and the ledger: rows by key, without the key's columns."""
    return {name: by_key(name, warm.fetch(_query(name))) for name in KEYS}


def _query(name: str) -> sql.Composed:
    return sql.SQL("select * from {}").format(sql.Identifier("raw" if name == "watch_gains" else "analytics", name))


def by_key(name: str, rows: list[dict[str, Any]]) -> Table:
    return {tuple(row.pop(column) for column in KEYS[name]): row for row in rows}


def hide_erased(tables: dict[str, Table], erased: set[UUID], known: set[UUID] | None) -> dict[str, Table]:
    """The tables with a name made of all their rows in place of each student who is erased. `known`: nobody knows the ids of those who are in neither set."""
    kept = [name for name in KEYS if KEYS[name][0] == "student_id"]
    rows: dict[UUID, list[str]] = defaultdict(list)
    for name in kept:
        for key, row in tables[name].items():
            if key[0] in erased if known is None else key[0] not in known | erased:
                rows[key[0]].append(f"{name} {key[1:]} {sorted(row.items())}")
    names = dict[UUID, str]()
    for student_id, lines in rows.items():
        name = f"erased {uuid5(NAMESPACE_OID, str(sorted(lines)))}"
        names[student_id] = f"{name} {sum(other.startswith(name) for other in names.values())}"
    return tables | {name: {(names.get(key[0], key[0]), *key[1:]): row for key, row in tables[name].items()} for name in kept}


def compare(run: int, found: dict[str, Table], expected: dict[str, Table], owners: dict[UUID, int]) -> list[Difference]:
    """Every value that differs, in the order of the tables."""
    differences = []
    for table in KEYS:
        for key in sorted(found[table].keys() | expected[table].keys(), key=str):
            left, right = found[table].get(key), expected[table].get(key)
            platform = owners.get(key[0]) if KEYS[table][0] == "creator_id" else owners.get((left or right or {})["creator_id"])
            if left is None or right is None:
                differences.append(Difference(run, platform, table, key, "*", left or _MISSING, right or _MISSING))
                continue
            for column in left.keys() | right.keys():
                one, other = left.get(column, _MISSING), right.get(column, _MISSING)
                if one != other:
                    differences.append(Difference(run, platform, table, key, column, one, other))
    return differences
