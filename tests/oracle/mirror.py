"""What the pipeline knows of the source: rows by key, as its runs read them.

Belongs here: snapshots, which rows of one a run reads, which of them have to wait, what is gone. Does not: what the rows mean.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

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
    "achievements": _Reading(("id",), "created_at"),
    "student_achievements": _Reading(("student_id", "achievement_id"), "unlocked_at"),
    "xp_transactions": _Reading(("id",), "created_at"),
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
    "student_achievements": {"student_id": "students", "achievement_id": "achievements"},
    "xp_transactions": {"student_id": "students"},
    "analytics_events": {"creator_id": "creators", "student_id": "students"},
}
"""Which column names a row of which table: without it, or where another creator owns it, a row waits."""

Rows = dict[tuple, Row]


STUDENTS = "students"


def _by_key(table: str, rows: Iterable[Row]) -> Rows:
    return {tuple(row[name] for name in READINGS[table].key): row for row in rows}


@dataclass
class Mirror:
    """Rows by table and key. `read` takes a snapshot in and returns the rows that it read of each table; `waiting` are keys of rows that were bad.

    `tombstones` are students whom the source has no longer, with the instant of the night that missed them first; `erased` those whom a later day's night
    missed again. `gone` are the keys that the last run found to be gone.
    """

    rows: dict[str, Rows] = field(default_factory=lambda: {table: {} for table in READINGS})
    waiting: dict[str, set[tuple]] = field(default_factory=lambda: {table: set() for table in READINGS})
    newest: dict[str, datetime] = field(default_factory=dict)
    tombstones: dict[UUID, datetime] = field(default_factory=dict)
    erased: set[UUID] = field(default_factory=set)
    gone: dict[str, set[tuple]] = field(default_factory=lambda: {table: set() for table in READINGS})

    def read(self, snapshot: Snapshot) -> dict[str, list[Row]]:
        """Rows that changed since what was booked last, less the overlap: an hourly run looks back hours, a nightly one weeks and at all keys.

        With them rows that had to wait, and rows that these name and nobody has seen; without those that have to wait. What is gone is taken out.
        """
        there = self._without_erased(snapshot.tables)
        self.gone = {table: self._find_gone(table, there) if snapshot.is_nightly else set() for table in READINGS}
        read = {table: self._changed(table, rows, snapshot.is_nightly) for table, rows in there.items()}
        read[STUDENTS] |= {(key,): there[STUDENTS][(key,)] for key in self.tombstones if (key,) in there[STUDENTS]}
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
        self._take_out(snapshot.as_of, {key for (key,) in read[STUDENTS]})
        return {table: list(rows.values()) for table, rows in read.items()}

    def _without_erased(self, tables: Tables) -> dict[str, Rows]:
        """The source without rows of students who are erased."""
        there = {}
        for table in READINGS:
            there[table] = _by_key(table, (row for row in tables[table] if self._student_of(table, row, tables) not in self.erased))
        return there

    def _student_of(self, table: str, row: Row, tables: Tables) -> UUID | None:
        if table == STUDENTS:
            return row["id"]
        if table == "chat_messages":
            return next((session["student_id"] for session in tables["chat_sessions"] if session["id"] == row["session_id"]), None)
        return row.get("student_id")

    def _find_gone(self, table: str, there: Mapping[str, Rows]) -> set[tuple]:
        """Keys that the source has no longer. A message goes with its conversation, which alone says whose it is."""
        known = {(key,) for key in self.tombstones} if table == STUDENTS else set()
        gone = {key for key in self.rows[table].keys() | known if key not in there[table]}
        if table == "chat_messages":
            gone |= {key for key, row in self.rows[table].items() if (row["session_id"],) not in there["chat_sessions"]}
        return gone

    def _changed(self, table: str, there: Rows, is_nightly: bool) -> Rows:
        if table not in self.newest:
            return dict(there)
        reading = READINGS[table]
        since = self.newest[table] - (reading.nightly if is_nightly else reading.hourly)
        read = {key: row for key, row in there.items() if row[reading.moves] >= since or key in self.waiting[table]}
        if is_nightly:
            known = self.rows[table]
            read |= {
                key: row
                for key, row in there.items()
                if key not in known or known[key][reading.moves] != row[reading.moves] or self._names_what_is_gone(table, known[key])
            }
        return read

    def _names_what_is_gone(self, table: str, row: Row) -> bool:
        return any((row[column],) in self.gone[parent] for column, parent in REFERENCES.get(table, {}).items() if parent != STUDENTS)

    def _is_good(self, table: str, row: Row, read: Mapping[str, Rows]) -> bool:
        owners = set()
        for column, parent in REFERENCES.get(table, {}).items():
            key = (row[column],)
            known = self.rows[parent].get(key) if key not in self.gone[parent] else None
            named = read[parent].get(key) or (known if parent != STUDENTS or row[column] not in self.tombstones else None)
            if row[column] is not None and named is None:
                return False
            if named is not None:
                owners.add(named["id"] if parent == "creators" else named.get("creator_id"))
        return len(owners - {None}) <= 1  # what is the same for all creators has no owner

    def _take_out(self, as_of: datetime, read: set[UUID]) -> None:
        """What is gone leaves; students get a tombstone first, lose it when they are back, and are erased when a later day misses them again."""
        missed = {key for (key,) in self.gone[STUDENTS]}
        erased = {key for key in missed & self.tombstones.keys() if self.tombstones[key].date() < as_of.date()}
        self.erased |= erased
        sessions = {row["id"] for row in self.rows["chat_sessions"].values() if row["student_id"] in erased}
        for table in READINGS:
            for key, row in list(self.rows[table].items()):
                is_gone = table != STUDENTS and key in self.gone[table]
                student = row["id"] if table == STUDENTS else row.get("student_id")
                if is_gone or student in erased or row.get("session_id") in sessions:
                    del self.rows[table][key]
        for key in missed - erased:
            self.tombstones.setdefault(key, as_of)
        for key in (read | erased) & self.tombstones.keys():
            del self.tombstones[key]

    def book(self, table: str, rows: Iterable[Row]) -> None:
        """The newest state of these rows."""
        self.rows[table] |= _by_key(table, rows)

    def all(self, table: str) -> Iterable[Row]:
        """Every row of a table; students who are gone do not count."""
        return (row for row in self.rows[table].values() if table != STUDENTS or row["id"] not in self.tombstones)

    def student(self, student_id: UUID) -> Row | None:
        """A student who is not gone."""
        return None if student_id in self.tombstones else self.rows[STUDENTS].get((student_id,))
