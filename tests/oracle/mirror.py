"""What the pipeline knows of the source: rows by key, as its runs read them.

Belongs here: snapshots, which rows of one a run reads, what it does with rows that are gone. Does not: what the rows mean.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Snapshot:
    """The whole source as one run saw it. Times are aware (UTC); `as_of` is the instant that the run computes for."""

    as_of: datetime
    is_nightly: bool
    tables: Tables


@dataclass(frozen=True)
class _Reading:
    key: tuple[str, ...]
    moves: str
    hourly: timedelta = timedelta(hours=2)
    nightly: timedelta = timedelta(days=30)


READINGS = {
    "creators": _Reading(("id",), "updated_at"),
    "creator_preferences": _Reading(("creator_id",), "updated_at"),
    "courses": _Reading(("id",), "updated_at"),
    "students": _Reading(("id",), "updated_at"),
    "videos": _Reading(("id",), "updated_at"),
    "video_progress": _Reading(("student_id", "video_id"), "updated_at"),
    "chat_sessions": _Reading(("id",), "updated_at"),
    "chat_messages": _Reading(("id",), "created_at", timedelta(days=3), timedelta(days=90)),
    "quizzes": _Reading(("id",), "updated_at"),
    "quiz_attempts": _Reading(("id",), "completed_at"),
    "projects": _Reading(("id",), "updated_at"),
    "project_submissions": _Reading(("id",), "updated_at"),
}
"""Per table that the marts rest on: its key, the column that moves, and how far before the newest row booked a run reads again."""


@dataclass
class Mirror:
    """Rows by table and key. `read` takes a snapshot in and returns the rows that it read of each table."""

    rows: dict[str, dict[tuple, Row]] = field(default_factory=lambda: {table: {} for table in READINGS})
    newest: dict[str, datetime] = field(default_factory=dict)

    def read(self, snapshot: Snapshot) -> dict[str, list[Row]]:
        """Rows that changed since what was booked last, less the overlap: an hourly run looks back hours, a nightly one weeks."""
        return {table: self._read_table(table, snapshot) for table in READINGS}

    def _read_table(self, table: str, snapshot: Snapshot) -> list[Row]:
        reading = READINGS[table]
        seen = list(snapshot.tables[table])
        if table in self.newest:
            since = self.newest[table] - (reading.nightly if snapshot.is_nightly else reading.hourly)
            seen = [row for row in seen if row[reading.moves] >= since]
        if seen:
            # What lies after the instant of the run is looked at again by the next one.
            reached = min(max(row[reading.moves] for row in seen), snapshot.as_of)
            self.newest[table] = max(self.newest.get(table, reached), reached)
        return seen

    def book(self, table: str, rows: Iterable[Row]) -> None:
        """The newest state of these rows."""
        for row in rows:
            self.rows[table][tuple(row[name] for name in READINGS[table].key)] = row

    def all(self, table: str) -> Iterable[Row]:
        """Every row of a table."""
        return self.rows[table].values()
