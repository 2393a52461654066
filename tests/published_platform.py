"""A platform with published tables, once per session, for tests that only read them: seven creators in three zones, with and without wishes for mail.

Belongs here: its rows, and asking it. Does not: outbox, gates, requests (each test empties them), assertions.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelines import warehouse
from pipelines.local import source
from pipelines.local.world import World
from pipelines.settings import Settings
from tests import steps
from tests.small_source import CATALOG, SmallSource

MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)
"""When the tables are published: 06:00 in London, 11:00 in Karachi, 01:00 in New York."""
LONDON, KARACHI, NEW_YORK = "Europe/London", "Asia/Karachi", "America/New_York"
ALL = dict.fromkeys(("weeklySummary", "studentAtRisk", "quizFailure", "studentCompletion"), True)


@dataclass
class PublishedPlatform:
    """Tables published at `MONDAY`, creators by name, settings without a mail server."""

    settings: Settings
    creators: dict[str, str]

    def fetch(self, query: str, *values: object) -> list[tuple]:
        """Rows of the warehouse; a statement without rows gives none."""
        with warehouse.connect(self.settings, autocommit=True) as connection:
            done = connection.execute(query.encode(), values or None)
            return done.fetchall() if done.description else []


@contextmanager
def published(world: World, folder: Path) -> Iterator[PublishedPlatform]:
    """Build and publish it; its database goes at the end."""
    name = f"published_{uuid.uuid4().hex[:12]}"
    bucket = name.replace("_", "-")
    world.objectstore.client().create_bucket(Bucket=bucket)
    values = world.environment() | {"database_url": world.create_database(name), "s3_bucket": bucket, "ledger_bucket": bucket}
    settings = Settings(_env_file=None, local_dir=folder, **values)  # pyrefly: ignore
    warehouse.init_db(settings)
    with warehouse.open_connection(settings.source_address) as connection:
        source.build(connection, replica=True)
        connection.commit()
        connection.autocommit = True
        creators = _fill(SmallSource(settings, connection))
    steps.run(settings, CATALOG, MONDAY, is_nightly=True, is_tested=False)
    yield PublishedPlatform(settings, creators)
    world.drop_database(name)


def _fill(platform: SmallSource) -> dict[str, str]:
    wishes = {
        "London": (LONDON, "ann@example.com", ALL),
        "Quiet": (LONDON, "quiet@example.com", {"quizFailure": True}),
        "Karachi": (KARACHI, "kim@example.com", ALL),
        "New York": (NEW_YORK, "nat@example.com", ALL),
        "Addressless": (LONDON, "", ALL),
        "Broken": (LONDON, "two@example.com, more@example.com", ALL),
        "Silent": (LONDON, "silent@example.com", {"weeklySummary": "yes", "studentAtRisk": False}),
    }
    creators = {}
    for name, (zone, address, notifications) in wishes.items():
        creator = platform.add("creators", company_name=f"{name} <b>& Co\r\nBcc: all@example.com" if name == "London" else name)
        preferences = {"timezone": zone, "email": address}
        platform.add(
            "creator_preferences",
            creator_id=creator,
            export_preferences=preferences,
            notification_settings={"emailNotifications": notifications},
        )
        student = platform.add("students", creator_id=creator, name="Secret Name")
        if name != "Quiet":
            quiz = platform.add("quizzes", creator_id=creator, questions=[])
            platform.add("quiz_attempts", quiz_id=quiz, student_id=student, score=10, passed=False, completed_at=_naive(MONDAY, 5))
            platform.add("quiz_attempts", quiz_id=quiz, student_id=student, score=10, passed=False, completed_at=_naive(MONDAY, 30))
        creators[name] = str(creator)
    return creators


def _naive(instant: datetime, hours_before: int) -> datetime:
    return (instant - timedelta(hours=hours_before)).replace(tzinfo=None)
