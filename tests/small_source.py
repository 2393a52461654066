"""A source of a few hand-made rows, without keys or checks, as a logical replica has it; and reading it.

Belongs here: rows of each table with defaults that are good, and reading and booking them in this process. Does not: fixtures (conftest), assertions.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg

from pipelines import booking, ingest, warehouse
from pipelines.catalog import load_catalog
from pipelines.settings import Settings

CATALOG = load_catalog()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EARLY = datetime(2026, 1, 1)  # noqa: DTZ001 # the source's times have no zone
MARCH = datetime(2026, 3, 1, 9)  # noqa: DTZ001

DEFAULTS: dict[str, dict[str, Any]] = {
    "creators": {"company_name": "Acme", "current_plan": "enterprise", "created_at": EARLY, "updated_at": EARLY},
    "creator_preferences": {"export_preferences": {}, "updated_at": EARLY},
    "courses": {"title": "Course", "created_at": EARLY, "updated_at": EARLY},
    "students": {"name": "Ann", "created_at": EARLY, "updated_at": EARLY},
    "videos": {"title": "Video", "created_at": EARLY, "updated_at": EARLY},
    "video_progress": {"watch_time_seconds": 60, "completion_percentage": 50, "created_at": MARCH, "updated_at": MARCH},
    "chat_sessions": {"created_at": MARCH, "updated_at": MARCH},
    "chat_messages": {"role": "user", "content": "How does it work?", "created_at": MARCH},
    "quizzes": {"title": "Quiz", "created_at": EARLY, "updated_at": EARLY},
    "quiz_attempts": {"score": 80, "passed": True, "completed_at": MARCH},
    "projects": {"title": "Project", "created_at": EARLY, "updated_at": EARLY},
    "project_submissions": {"status": "submitted", "submitted_at": MARCH, "created_at": MARCH, "updated_at": MARCH},
    "achievements": {"name": "First steps", "created_at": EARLY},
    "student_achievements": {"unlocked_at": MARCH},
    "xp_transactions": {"action": "watched", "xp_amount": 10, "created_at": MARCH},
    "analytics_events": {"event_type": "membership_activated", "created_at": MARCH},
}


@dataclass
class SmallSource:
    """Settings of a warehouse, and a connection (autocommit) to its source."""

    settings: Settings
    connection: psycopg.Connection

    def add(self, table: str, **values: Any) -> UUID:
        """A row with good defaults where `values` says nothing; its id."""
        row = DEFAULTS[table] | values
        if "id" in CATALOG.sources[table].columns:
            row = {"id": uuid4()} | row
        row = {name: json.dumps(value) if CATALOG.sources[table].columns[name] == "jsonb" else value for name, value in row.items()}
        places = ", ".join(f"%({name})s" for name in row)
        self.connection.execute(f"insert into app.{table} ({', '.join(row)}) values ({places})".encode(), row)
        return row.get("id") or uuid4()

    def change(self, statement: str, *values: Any) -> None:
        """Execute a statement in the source."""
        self.connection.execute(statement.encode(), values)

    def read(
        self, *, nightly: bool = False, as_of: datetime = NOON, books: bool = True, accepts_deletions: bool = False
    ) -> dict[str, booking.TableBooked]:
        """Read and book; what was booked, by table."""
        guard = warehouse.RunGuard(self.settings)
        try:
            run = guard.enter(warehouse.Run(uuid4().hex, "test", as_of), lambda line: None)
            ingest.read_source(
                self.settings, CATALOG.sources.values(), run, is_nightly=nightly, accepts_deletions=accepts_deletions, say=lambda line: None
            )
            return {item.table: item for item in booking.book(self.settings, CATALOG, run, say=lambda line: None)} if books else {}
        finally:
            guard.leave()

    def fetch(self, query: str) -> list[tuple]:
        """Rows of the warehouse."""
        with warehouse.connect(self.settings) as connection:
            return connection.execute(query.encode()).fetchall()

    def count(self, table: str) -> int:
        """Rows of a table of the warehouse."""
        return self.fetch(f"select count(*) from {table}")[0][0]

    def quarantine(self) -> dict[tuple[str, str], str]:
        """Reasons by table and row key."""
        return {(table, key): reason for table, key, reason in self.fetch("select table_name, row_key, reason from ops.quarantine")}

    def gates(self) -> dict[UUID, str]:
        """Reasons of closed gates by creator."""
        return dict(self.fetch("select creator_id, reason from ops.gates"))
