"""Who slipped: the students at risk, those who slipped this week and had watched most first. Who completed everything is left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports.reading import Reading
from reports.wording import clean, say_count, say_duration, say_idle, say_many

_SHOWN = 20
_MEMBERSHIPS = {"active": None, "trialing": "on trial", "cancelled": "membership cancelled", "expired": "membership expired"}
_FLAGS = {"has_failed_twice": "failed a quiz twice", "has_payment_failed": "last payment failed"}
_COLUMNS = [
    "student_id", "name", "tier", "membership_status", "joined_at", "last_active_at", "videos_watched_count",
    "watch_seconds", "has_slipped", *_FLAGS,
]  # fmt: skip
"""What the list reads: rows are chosen in two steps, and each copies all columns."""


@dataclass(frozen=True)
class Student:
    """One line of the list. `idle` is how long the student has been quiet."""

    name: str
    idle: str | None
    since: str | None
    facts: str
    flags: str | None


@dataclass(frozen=True)
class Slipped:
    """`empty` says why there is no list. `since` tells of the last 7 days; `rest` and `completed` are about who is not on the list."""

    students: list[Student]
    heading: str | None
    since: str | None
    rest: str | None
    completed: str | None
    empty: str | None


def build(reading: Reading) -> Slipped:
    """The section from `student_engagement_tiers`; without it, the count from `creator_overview`."""
    table = reading.table("student_engagement_tiers")
    if table is None or reading.is_slipping is None:
        return Slipped([], None, None, None, None, _absence(reading))
    table = table.select(_COLUMNS)
    listed = table.filter(reading.is_slipping)
    done = (pc.sum(pc.equal(table["tier"], "at_risk")).as_py() or 0) - listed.num_rows
    completed = None
    if done:
        completed = f"{say_count(done)} more {'was' if done == 1 else 'were'} quiet as long after completing every video, and {'is' if done == 1 else 'are'} not listed."
    rest = listed.num_rows - _SHOWN
    return Slipped(
        students=[_student(reading, row) for row in _worth_most(listed).to_pylist()],
        heading=f"{say_many(listed.num_rows, 'student')} at risk",
        since=_since(table),
        rest=f"And {say_count(rest)} more, in students.csv." if rest > 0 else None,
        completed=completed,
        empty=None if listed.num_rows else "Nobody is slipping away. Nobody with videos left has been quiet for one to two weeks.",
    )


def _absence(reading: Reading) -> str | None:
    if reading.overview and reading.overview["at_risk_count"] and "student_engagement_tiers" not in reading.frames:
        return f"{say_many(reading.overview['at_risk_count'], 'student')} at risk. This edition came without their names."
    return reading.absence("student_engagement_tiers", "the list of students", "No students yet.")


def _since(table: pa.Table) -> str | None:
    """What became of the tiers within seven days."""
    slipped = table.filter(pc.fill_null(table["has_slipped"], False))
    counts = {row["values"]: row["counts"] for row in pc.value_counts(slipped["tier"]).to_pylist()}
    if not slipped.num_rows:
        return None
    to = [f"{say_count(counts[tier])} to {word}" for tier, word in (("at_risk", "at risk"), ("inactive", "inactive")) if tier in counts]
    others = slipped.num_rows - counts.get("at_risk", 0) - counts.get("inactive", 0)
    to += [f"{say_count(others)} to a lower tier"] if others else []
    return f"In the last 7 days {say_many(slipped.num_rows, 'student')} slipped: {', '.join(to)}."


def _worth_most(listed: pa.Table) -> pa.Table:
    order = [("has_slipped", "descending"), ("watch_seconds", "descending"), ("last_active_at", "descending"), ("student_id", "ascending")]
    return listed.sort_by(order).slice(0, _SHOWN)


def _student(reading: Reading, row: Mapping[str, Any]) -> Student:
    since = row["last_active_at"] or row["joined_at"]
    facts = [f"{say_many(row['videos_watched_count'], 'video')} started"]
    if row["watch_seconds"]:
        facts = [say_many(row["videos_watched_count"], "video"), f"{say_duration(row['watch_seconds'])} watched"]
    if not row["videos_watched_count"]:
        facts = ["nothing watched yet"]
    membership = _MEMBERSHIPS.get(row["membership_status"] or "active", f"membership {clean(row['membership_status'], 20)}")
    facts += [membership] if membership else []
    flags = [words for flag, words in _FLAGS.items() if row[flag]]
    word = "last seen" if row["last_active_at"] else "joined"
    return Student(
        name=clean(row["name"], 120) or "Unnamed student",
        idle=say_idle((reading.today - since.astimezone(reading.zone).date()).days) if since else None,
        since=f"{word} {reading.say_local_day(since)}" if since else None,
        facts=" · ".join(facts),
        flags=" · ".join(flags) or None,
    )
