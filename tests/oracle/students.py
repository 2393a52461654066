"""Each student's tier, its reason, stage and totals; and the changes of tiers over time.

Belongs here: student_engagement_tiers, tier_transitions. Does not: counts of students (overview).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.oracle import risks
from tests.oracle.courses import videos_of_courses
from tests.oracle.days import Day, StudentDay
from tests.oracle.ledger import Gain
from tests.oracle.mirror import Row
from tests.oracle.moment import QUIZ, Moment
from tests.oracle.numbers import counted, long_date, percent, rate
from tests.oracle.work import completed_courses, course_progress_rates, last_video, progress_band, works

RULES_VERSION = 1
WEEK = timedelta(days=7)
STATUS = {"inactive": "inactive", "at_risk": "at-risk"}


@dataclass(frozen=True)
class Student:
    """What is known of one student at a moment."""

    row: Row
    last_seen_at: datetime | None
    last_active_at: datetime | None
    watched: list[Gain]
    finished: set[UUID]
    attempts: int
    passed: set[UUID]
    messages: int
    days: dict[date, Day] = field(repr=False)

    @property
    def completion_sum(self) -> int:
        """Sum of the completion of the videos watched."""
        return sum(gain.completion_percentage for gain in self.watched)


def students_at(moment: Moment, kept: dict[StudentDay, Day]) -> dict[UUID, Student]:
    """Every student that exists."""
    days: dict[UUID, dict[date, Day]] = defaultdict(dict)
    for (student_id, on), day in kept.items():
        days[student_id][on] = day
    places: dict[UUID, list[Gain]] = defaultdict(list)
    for (student_id, _), gain in moment.standing.items():
        places[student_id].append(gain)
    passed: dict[UUID, set[UUID]] = defaultdict(set)
    for deed in moment.deeds:
        if deed.kind == QUIZ and deed.row["passed"]:
            passed[deed.student_id].add(deed.row["quiz_id"])
    return {key: _student(moment, row, days[key], places[key], passed[key]) for key, row in moment.students.items()}


def _student(moment: Moment, row: Row, days: dict[date, Day], places: list[Gain], passed: set[UUID]) -> Student:
    last_seen_at = min(row["last_active"], moment.as_of) if row["last_active"] else None
    signs = [last_seen_at, *(day.last_activity_at for day in days.values())]
    return Student(
        row=row,
        last_seen_at=last_seen_at,
        last_active_at=max((sign for sign in signs if sign is not None), default=None),
        watched=[gain for gain in places if gain.is_watched],
        finished={gain.video_id for gain in places if gain.is_watched and gain.is_completed},
        attempts=sum(day.attempts for day in days.values()),
        passed=passed,
        messages=sum(day.messages for day in days.values()),
        days=days,
    )


def tier_of(student: Student, as_of: datetime) -> str:
    """The first rule that holds."""
    joined_at, videos = student.row["created_at"], len(student.watched)
    idle = as_of - (student.last_active_at or joined_at)
    if idle >= 2 * WEEK:
        return "inactive"
    if idle >= WEEK:
        return "at_risk"
    if as_of - joined_at >= WEEK and videos < 3:
        return "low_engagement"
    if videos >= 10 and student.completion_sum >= 75 * videos:
        return "highly_engaged"
    return "engaged" if videos >= 5 else "moderate"


def _reason(moment: Moment, student: Student, tier: str) -> str:
    creator_id = student.row["creator_id"]
    joined = f"joining on {long_date(moment.day(creator_id, student.row['created_at']))}"
    active = long_date(moment.day(creator_id, student.last_active_at)) if student.last_active_at else None
    videos = counted(len(student.watched), "video")
    if tier in STATUS:
        return f"No activity since {active or joined}"
    if tier == "low_engagement":
        return f"{videos} since {joined}"
    if active is None:
        return f"{videos}, no activity since {joined}"
    if tier == "highly_engaged":
        return f"{videos} at {percent(student.completion_sum, len(student.watched))}% mean completion, last active on {active}"
    return f"{videos}, last active on {active}"


def _stage(moment: Moment, student: Student, to_finish: Iterable[set[UUID]]) -> str:
    if student.last_active_at is None:
        return "not_started"
    if moment.as_of - student.row["created_at"] < WEEK:
        return "onboarding"
    return "completed" if any(videos <= student.finished for videos in to_finish) else "learning"


def _active_courses(moment: Moment) -> dict[UUID, list[set[UUID]]]:
    """Per creator the videos of each course that is offered and has any."""
    found: dict[UUID, list[set[UUID]]] = defaultdict(list)
    for course_id, videos in videos_of_courses(moment).items():
        course = moment.courses[course_id]
        if course["is_active"] and videos:
            found[course["creator_id"]].append(videos)
    return found


def student_engagement_tiers(
    moment: Moment, students: dict[UUID, Student], transitions: Mapping[tuple, Mapping[str, Any]]
) -> dict[tuple, dict[str, Any]]:
    """One row per student. `transitions` are those of tier_transitions so far."""
    courses, completed, worked = _active_courses(moment), completed_courses(moment), works(moment)
    progress = course_progress_rates(moment, {key: student.watched for key, student in students.items()})
    before, failed, unpaid = risks.tiers_a_week_ago(moment, transitions), risks.failed_twice(moment), risks.payment_failed(moment)
    rows = {}
    for student_id, student in students.items():
        row, tier, videos = student.row, tier_of(student, moment.as_of), len(student.watched)
        rows[(student_id,)] = {
            **{name: row[name] for name in ("creator_id", "name", "email", "membership_status", "xp_points", "level", "streak_days")},
            "joined_at": row["created_at"],
            "last_active_at": student.last_active_at,
            "tier": tier,
            "tier_reason": _reason(moment, student, tier),
            "status_filter": STATUS.get(tier, "active"),
            "lifecycle_stage": _stage(moment, student, courses[row["creator_id"]]),
            "rules_version": RULES_VERSION,
            "videos_watched_count": videos,
            "avg_completion_rate": rate(student.completion_sum, 100 * videos),
            "watch_seconds": sum(gain.watch_seconds for gain in student.watched),
            "quiz_attempt_count": student.attempts,
            "quiz_passed_count": len(student.passed),
            "message_count": student.messages,
            "progress_band": progress_band(student.watched),
            "course_progress_rate": progress[student_id],
            **completed[student_id],
            **worked[student_id],
            **last_video(moment, student.watched),
            "has_slipped": risks.has_slipped(before.get(student_id), tier),
            "has_failed_twice": student_id in failed,
            "is_stalled": risks.is_stalled(moment, student.watched, tier),
            "has_payment_failed": student_id in unpaid,
        }
    return rows


def note_transitions(rows: dict[tuple, dict[str, Any]], moment: Moment, students: dict[UUID, Student]) -> None:
    """Add a row to tier_transitions for each student whose tier is not the one of the newest row."""
    last: dict[UUID, tuple[datetime, str]] = {}
    for (student_id, changed_at), row in rows.items():
        last[student_id] = max(last.get(student_id, (changed_at, row["to_tier"])), (changed_at, row["to_tier"]))
    for student_id, student in students.items():
        tier = tier_of(student, moment.as_of)
        before = last[student_id][1] if student_id in last else None
        if tier != before:
            rows[student_id, moment.as_of] = {
                "creator_id": student.row["creator_id"],
                "from_tier": before,
                "to_tier": tier,
                "rules_version": RULES_VERSION,
            }
