"""What the pipeline knows of the source: rows by key, as its runs read them.

Belongs here: snapshots, which rows of one a run reads, which of them have to wait. Does not: what the rows mean.
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
    "analytics_events": _Reading(("id",), "created_at"),
}
"""Per table that the marts rest on: its key, the column that moves, and how far before the newest row booked a run reads again."""


REFERENCES = {
    "creator_preferences": {"creator_id": "creators"},
    "courses": {"creator_id": "creators"},
    "students": {"creator_id": "creators"},
    "videos": {"creator_id": "creators", "course_id": "courses"},
    "video_progress": {"video_id": "videos", "student_id": "students"},
    "chat_sessions": {"creator_id": "creators", "student_id": "students"},
    "chat_messages": {"session_id": "chat_sessions"},
    "quizzes": {"creator_id": "creators"},
    "quiz_attempts": {"quiz_id": "quizzes", "student_id": "students"},
    "projects": {"creator_id": "creators"},
    "project_submissions": {"project_id": "projects", "student_id": "students"},
    "analytics_events": {"creator_id": "creators", "student_id": "students"},
}
"""Which column names a row of which table: without it, or where another creator owns it, a row waits."""

Rows = dict[tuple, Row]


@dataclass
class Mirror:
    """Rows by table and key. `read` takes a snapshot in and returns the rows that it read of each table; `waiting` are keys of rows that were bad."""

    rows: dict[str, Rows] = field(default_factory=lambda: {table: {} for table in READINGS})
    waiting: dict[str, set[tuple]] = field(default_factory=lambda: {table: set() for table in READINGS})
    newest: dict[str, datetime] = field(default_factory=dict)

    def read(self, snapshot: Snapshot) -> dict[str, list[Row]]:
        """Rows that changed since what was booked last, less the overlap: an hourly run looks back hours, a nightly one weeks.

        With them rows that had to wait, and rows that these name and nobody has seen; without those that have to wait.
        """
        there = {table: {tuple(row[name] for name in READINGS[table].key): row for row in snapshot.tables[table]} for table in READINGS}
        read = {table: self._changed(table, rows, snapshot.is_nightly) for table, rows in there.items()}
        for table in reversed(READINGS):
            for row in list(read[table].values()):
                for column, parent in REFERENCES.get(table, {}).items():
                    key = (row[column],)
                    if key in there[parent] and key not in self.rows[parent]:
                        read[parent].setdefault(key, there[parent][key])
        for table in READINGS:
            self.waiting[table] = {key for key, row in read[table].items() if not self._is_good(table, row, read)}
            for key in self.waiting[table]:
                del read[table][key]
            if read[table]:
                # What lies after the instant of the run is looked at again by the next one.
                reached = min(max(row[READINGS[table].moves] for row in read[table].values()), snapshot.as_of)
                self.newest[table] = max(self.newest.get(table, reached), reached)
        return {table: list(rows.values()) for table, rows in read.items()}

    def _changed(self, table: str, there: Rows, is_nightly: bool) -> Rows:
        if table not in self.newest:
            return dict(there)
        reading = READINGS[table]
        since = self.newest[table] - (reading.nightly if is_nightly else reading.hourly)
        return {key: row for key, row in there.items() if row[reading.moves] >= since or key in self.waiting[table]}

    def _is_good(self, table: str, row: Row, read: Mapping[str, Rows]) -> bool:
        owners = set()
        for column, parent in REFERENCES.get(table, {}).items():
            key = (row[column],)
            named = read[parent].get(key) or self.rows[parent].get(key)
            if row[column] is not None and named is None:
                return False
            if named is not None:
                owners.add(named["id"] if parent == "creators" else named.get("creator_id"))
        return len(owners) <= 1

    def book(self, table: str, rows: Iterable[Row]) -> None:
        """The newest state of these rows."""
        for row in rows:
            self.rows[table][tuple(row[name] for name in READINGS[table].key)] = row

    def all(self, table: str) -> Iterable[Row]:
        """Every row of a table."""
        return self.rows[table].values()
