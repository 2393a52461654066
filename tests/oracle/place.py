"""One generated platform as the source holds it: rows by table and key, and how events change them.

Belongs here: ids, rows with the source's columns, the copy of it all that a run sees. Does not: what happens (events).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from tests.oracle.mirror import READINGS, REFERENCES, Row
from tests.oracle.schedules import Schedule, When, resolve


@dataclass
class Place:
    """The rows of one creator. Rows are replaced, never changed, so that a copy of the dictionaries is a snapshot."""

    number: int
    schedule: Schedule
    tables: dict[str, dict[tuple, Row]] = field(default_factory=lambda: {table: {} for table in READINGS})
    run: int = 0
    withheld: list[tuple[str, Row]] = field(default_factory=list)
    removed: list[tuple[str, Row]] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)

    @property
    def creator_id(self) -> UUID:
        """The creator whose platform this is."""
        return self.make_id("creator", 0)

    def make_id(self, kind: str, number: int) -> UUID:
        """The same id for the same thing in each build of this platform."""
        return uuid5(NAMESPACE_OID, f"{self.number}/{kind}/{number}")

    def at(self, when: When) -> datetime:
        """The instant of `when` for an event that the present run is the first to see."""
        return resolve(when, self.run, self.schedule)

    def put(self, table: str, row: Row) -> None:
        """Insert or replace a row."""
        self.tables[table][tuple(row[name] for name in READINGS[table].key)] = dict(row)

    def change(self, table: str, row: Row, **values: Any) -> None:
        """Replace a row by itself with other values."""
        self.put(table, {**row, **values})

    def pick(self, table: str, number: int) -> Row | None:
        """A row of the table by its number, counted round; None when there is none."""
        rows = list(self.tables[table].values())
        return rows[number % len(rows)] if rows else None

    def add(self, table: str, kind: str, **values: Any) -> UUID:
        """Insert a row with an id of its own."""
        new_id = self.make_new_id(kind)
        self.put(table, {"id": new_id, **values})
        return new_id

    def make_new_id(self, kind: str) -> UUID:
        """An id that no thing of this kind has had."""
        self.made[kind] += 1
        return self.make_id(kind, self.made[kind] - 1)

    def has(self, table: str, row_id: UUID) -> bool:
        """Whether the row is there, seen by runs or not."""
        return (row_id,) in self.tables[table] or any(name == table and row["id"] == row_id for name, row in self.withheld)

    def withhold(self, table: str, row: Row) -> None:
        """Take a row out of sight."""
        del self.tables[table][tuple(row[name] for name in READINGS[table].key)]
        self.withheld.append((table, row))

    def remove(self, table: str, row: Row, *, cascades: bool) -> None:
        """Delete a row; with `cascades` the rows that name it too, where the column may not be null."""
        for child in reversed(READINGS) if cascades else ():
            for column, parent in REFERENCES.get(child, {}).items():
                for other in [other for other in self.tables[child].values() if parent == table and other[column] == row["id"]]:
                    if column == "course_id":
                        self.change(child, other, course_id=None)
                    else:
                        self.remove(child, other, cascades=True)
        del self.tables[table][tuple(row[name] for name in READINGS[table].key)]
        self.removed.append((table, row))

    def bring_back(self) -> None:
        """Put back all rows that were deleted, as they were."""
        for table, row in reversed(self.removed):
            self.tables[table].setdefault(tuple(row[name] for name in READINGS[table].key), row)
        self.removed.clear()

    def commit(self, at: datetime) -> None:
        """Put all rows back that were taken out of sight, with the date of this change."""
        for table, row in self.withheld:
            self.change(table, row, **{name: at for name in row if name == READINGS[table].moves == "updated_at"})
        self.withheld.clear()


def snapshot_tables(places: Iterable[Place]) -> Mapping[str, list[Row]]:
    """All rows of all platforms, as they are now."""
    places = list(places)
    return {table: [row for place in places for row in place.tables[table].values()] for table in READINGS}
