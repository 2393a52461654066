"""What each student did on each local day, kept for good, and the table of days that it adds up to.

Belongs here: student days, daily_activity. Does not: totals of a student (students), views of a video (videos).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.oracle.moment import MESSAGE, QUIZ, SUBMISSION, Moment

StudentDay = tuple[UUID, date]


@dataclass
class Day:
    """One student on one local day."""

    creator_id: UUID
    is_joined: bool = False
    is_watching: bool = False
    attempts: int = 0
    messages: int = 0
    submissions: int = 0
    last_activity_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether the student did anything, joining left out."""
        return self.is_watching or self.attempts + self.messages + self.submissions > 0

    def note(self, instant: datetime) -> None:
        """An activity at `instant`."""
        self.last_activity_at = max(self.last_activity_at or instant, instant)

    def keep(self, before: "Day") -> None:
        """No number falls: the source forgets, the pipeline does not."""
        self.is_joined |= before.is_joined
        self.is_watching |= before.is_watching
        for name in ("attempts", "messages", "submissions"):
            setattr(self, name, max(getattr(self, name), getattr(before, name)))
        if before.last_activity_at is not None:
            self.note(before.last_activity_at)


def student_days(moment: Moment) -> dict[StudentDay, Day]:
    """What students did by day, as far as mirror and ledger know it at this moment."""
    days: dict[StudentDay, Day] = {}

    def on(creator_id: UUID, student_id: UUID, instant: datetime) -> Day:
        return days.setdefault((student_id, moment.day(creator_id, instant)), Day(creator_id))

    for student_id, student in moment.students.items():
        on(student["creator_id"], student_id, student["created_at"]).is_joined = True
    for gain in moment.gains:
        day = on(gain.creator_id, gain.student_id, gain.observed_at)
        day.is_watching = True
        day.note(gain.observed_at)
    counters = {QUIZ: "attempts", MESSAGE: "messages", SUBMISSION: "submissions"}
    for deed in moment.deeds:
        day = on(deed.creator_id, deed.student_id, deed.happened_at)
        setattr(day, counters[deed.kind], getattr(day, counters[deed.kind]) + 1)
        day.note(deed.happened_at)
    return days


def keep_days(kept: dict[StudentDay, Day], moment: Moment) -> None:
    """Take this moment's student days in."""
    for key, day in student_days(moment).items():
        if key in kept:
            day.keep(kept[key])
        kept[key] = day


def daily_activity(moment: Moment, kept: dict[StudentDay, Day], opened_as_of: datetime) -> dict[tuple, dict[str, Any]]:
    """One row per creator and day, from the first with an activity or a new student to today."""
    per_day: dict[tuple[UUID, date], list[Day]] = defaultdict(list)
    for (_, on), day in kept.items():
        per_day[day.creator_id, on].append(day)
    watching = _watching(moment)
    rows = {}
    for creator_id in moment.creators:
        for on in _calendar(moment, creator_id, per_day):
            rows[creator_id, on] = {
                "is_partial": moment.zones.began_before(creator_id, on, opened_as_of),
                **_students(per_day.get((creator_id, on), [])),
                **watching.get((creator_id, on), {"videos_watched_count": 0, "watch_seconds": 0, "completion_count": 0}),
            }
    return rows


def _calendar(moment: Moment, creator_id: UUID, per_day: dict[tuple[UUID, date], list[Day]]) -> Iterator[date]:
    known = [on for owner, on in per_day if owner == creator_id]
    today = moment.zones.today(creator_id, moment.as_of)
    for number in range((today - min(known)).days + 1 if known else 0):
        yield min(known) + timedelta(days=number)


def _students(days: list[Day]) -> dict[str, int]:
    return {
        "active_student_count": sum(day.is_active for day in days),
        "watching_student_count": sum(day.is_watching for day in days),
        "quizzing_student_count": sum(day.attempts > 0 for day in days),
        "chatting_student_count": sum(day.messages > 0 for day in days),
        "submitting_student_count": sum(day.submissions > 0 for day in days),
        "quiz_attempt_count": sum(day.attempts for day in days),
        "message_count": sum(day.messages for day in days),
        "new_student_count": sum(day.is_joined for day in days),
    }


def _watching(moment: Moment) -> dict[tuple[UUID, date], dict[str, int]]:
    """Per creator and day: videos watched, seconds gained, videos finished. What the first run found counts for presence only."""
    videos: dict[tuple, set[UUID]] = defaultdict(set)
    seconds: dict[tuple, int] = defaultdict(int)
    finished: dict[tuple, int] = defaultdict(int)
    for gain in moment.gains:
        key = (gain.creator_id, moment.day(gain.creator_id, gain.observed_at))
        videos[key] |= {gain.video_id} if gain.is_watched else set()
        if not gain.is_opening:
            seconds[key] += gain.seconds_gained
            finished[key] += gain.is_completed_now
    return {
        key: {"videos_watched_count": len(videos[key]), "watch_seconds": seconds[key], "completion_count": finished[key]} for key in videos
    }
