"""Who slipped: the students at risk, those who had watched most first. Students who completed everything are left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports.reading import Reading
from reports.wording import clean, say_count, say_duration, say_idle, say_many, sentence

_SHOWN = 10


@dataclass(frozen=True)
class Student:
    """One line of the list."""

    name: str
    reason: str
    idle: str | None
    facts: str


@dataclass(frozen=True)
class Slipped:
    """`empty` says why there is no list. `rest` and `completed` are sentences about who is not on it."""

    students: list[Student]
    heading: str | None
    rest: str | None
    completed: str | None
    empty: str | None


def build(reading: Reading) -> Slipped:
    """The section from `student_engagement_tiers`; without it, the count from `creator_overview`."""
    table = reading.table("student_engagement_tiers")
    if table is None:
        return Slipped([], None, None, None, _absence(reading))
    at_risk = table.filter(pc.equal(table["tier"], "at_risk"))
    has_completed = pc.fill_null(pc.equal(at_risk["lifecycle_stage"], "completed"), False)
    listed = at_risk.filter(pc.invert(has_completed))
    done = at_risk.num_rows - listed.num_rows
    completed = None
    if done:
        completed = f"{say_count(done)} more {'was' if done == 1 else 'were'} quiet as long after completing every video, and {'is' if done == 1 else 'are'} not listed."
    rest = listed.num_rows - _SHOWN
    return Slipped(
        students=[_student(reading, row) for row in _worth_most(listed).to_pylist()],
        heading=f"{say_many(listed.num_rows, 'student')} at risk",
        rest=f"And {say_count(rest)} more, in the file of all students." if rest > 0 else None,
        completed=completed,
        empty=None if listed.num_rows else "Nobody is slipping away. Every student is active, or was lost earlier than that.",
    )


def _absence(reading: Reading) -> str | None:
    if reading.overview and reading.overview["at_risk_count"] and "student_engagement_tiers" not in reading.frames:
        return f"{say_many(reading.overview['at_risk_count'], 'student')} at risk. This edition came without their names."
    return reading.absence("student_engagement_tiers", "the list of students", "No students yet.")


def _worth_most(listed: pa.Table) -> pa.Table:
    order = [("watch_seconds", "descending"), ("last_active_at", "descending"), ("student_id", "ascending")]
    return listed.sort_by(order).slice(0, _SHOWN)


def _student(reading: Reading, row: Mapping[str, Any]) -> Student:
    since = row["last_active_at"] or row["joined_at"]
    facts = [say_many(row["videos_watched_count"], "video"), f"{say_duration(row['watch_seconds'])} watched"]
    if not row["videos_watched_count"]:
        facts = ["nothing watched yet"]
    if row["membership_status"] not in (None, "active"):
        facts.append(f"membership {clean(row['membership_status'], 20)}")
    return Student(
        name=clean(row["name"], 120) or "Unnamed student",
        reason=sentence(row["tier_reason"]),
        idle=say_idle((reading.document.as_of - since).days) if since else None,
        facts=" · ".join(facts),
    )
