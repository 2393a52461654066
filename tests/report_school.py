"""A made-up school: what each student did on which day, and the rows that follow from it, so that no number of a report contradicts another.

Belongs here: students, what they did, and the marts that count it. Does not: schemas, rows that nobody counts (report_rows.py), documents.
A little longer than most: the marts of one school stand side by side, as they are to add up.
"""

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.report_rows import AS_OF, FIRST, LAST, TITLES, TODAY, identity

_TIERS = ("highly_engaged", "engaged", "moderate", "low_engagement", "at_risk", "inactive")
_CHRISTMAS = {(12, day) for day in range(24, 32)} | {(1, 1)}
_HOURS = [1, 0, 0, 0, 0, 1, 2, 4, 6, 7, 8, 8, 9, 8, 7, 8, 9, 11, 14, 18, 20, 15, 8, 3]
_FINISH = (0.91, 0.85, 0.6, 0.8, 0.7, 0.74, 0.1, 0.66, 0.82, 0.58, 0.12, 0.69, 0.77, 0.52, 0.63, 0.6)
"""Of each video, how likely a student finishes it: two are weak."""
_QUIZZES = (("Exposure basics", 0.21), ("Colour spaces", 0.58), ("Composition", 0.3))
"""Titles, and how likely an attempt fails."""


@dataclass(frozen=True)
class Student:
    """A student; days are counted back from the report's, by the creator's clock.

    `learned`: seconds watched by day, oldest first. `begun`: of each video in turn the day and how much of it. `attempts`: day, number of
    the quiz, whether it was passed. `messages`: their days.
    """

    joined_at: datetime
    last_active_at: datetime | None
    joined: int
    learned: Mapping[int, int]
    begun: Sequence[tuple[int, float]]
    attempts: Sequence[tuple[int, int, bool]]
    messages: Sequence[int]

    def tier(self, back: int = 0) -> tuple[str, int]:
        """The tier that many days ago, by what was done until then, and how many videos were."""
        last = min((day for day in self.learned if day >= back), default=self.joined)
        since = self.last_active_at or self.joined_at
        idle = (AS_OF - since).days - back if last == min(self.learned, default=self.joined) else last - back
        rates = [rate for day, rate in self.begun if day >= back]
        if idle >= 7:
            return ("inactive" if idle >= 14 else "at_risk"), len(rates)
        if (AS_OF - self.joined_at).days - back >= 7 and len(rates) < 3:
            return "low_engagement", len(rates)
        if len(rates) >= 10 and sum(rates) / len(rates) >= 0.75:
            return "highly_engaged", len(rates)
        return ("engaged" if len(rates) >= 5 else "moderate"), len(rates)

    @property
    def tier_a_week_ago(self) -> str | None:
        """None of who was not here."""
        return self.tier(7)[0] if self.joined_at <= AS_OF - timedelta(days=7) else None


def enrol(seed: random.Random, zone: ZoneInfo, joined: timedelta, idle: timedelta | None, videos: int) -> Student:
    """A student who joined that long before the report and was last seen that long before it, never where `idle` is None."""
    joined_at = AS_OF - joined
    if idle is None or not videos:
        return Student(joined_at, None, _back(joined_at, zone), {}, [], [], [])
    last_at = max(joined_at + timedelta(minutes=10), AS_OF - idle)
    first, last = _back(joined_at, zone), _back(last_at, zone)
    wanted, days = min(first - last + 1, 1 + videos // 2 + (first - last) // 6, 1 + 3 * videos), {last}
    for _ in range(3 * wanted):
        day = seed.randint(last, first)
        if len(days) < wanted and seed.random() < _level(day):
            days.add(day)
    learned = {day: seed.randint(240, 1000) for day in sorted(days, reverse=True)}
    is_diligent = seed.random() < 0.08
    begun = [
        (day, 1.0 if seed.random() < (0.995 if is_diligent else finish) else round(seed.uniform(0.05, 0.95), 4))
        for day, finish in zip(sorted(seed.choices([*learned], k=videos), reverse=True), _FINISH, strict=False)
    ]
    attempts = [(begun[no * 3 + 2][0], no % 3, seed.random() >= _QUIZZES[no % 3][1]) for no in range(videos // 3)]
    return Student(joined_at, last_at, first, learned, begun, attempts, seed.choices([*learned], k=seed.randint(6, 14)))


def _back(instant: datetime, zone: ZoneInfo) -> int:
    return (TODAY - instant.astimezone(zone).date()).days


def _level(back: int) -> float:
    day = TODAY - timedelta(days=back)
    return (0.55 if day.weekday() >= 5 else 1) * (0.4 if (day.month, day.day) in _CHRISTMAS else 1)


class School:
    """The marts of one creator, from what the students did."""

    def __init__(self, creator: str, seed: random.Random, known: Sequence[Student], zone: ZoneInfo, titles: Sequence[str] = TITLES) -> None:
        self.creator, self.seed, self.known, self.zone, self.titles = creator, seed, known, zone, titles
        self.students = [self._student(one) for one in known]

    @classmethod
    def of(cls, creator: str, seed: random.Random, count: int, zone: ZoneInfo) -> "School":
        """Students who fade, rush, never start and complete."""
        known = []
        for _ in range(count):
            joined = timedelta(days=seed.randint(1, 300), seconds=seed.randint(0, 86400))
            idle = timedelta(days=min(joined.days, int(seed.expovariate(1 / 6))), seconds=seed.randint(0, 40000))
            known.append(enrol(seed, zone, joined, idle, min(16, int(seed.expovariate(1 / 7))) if seed.random() < 0.93 else 0))
        return cls(creator, seed, known, zone)

    def _student(self, one: Student) -> dict[str, Any]:
        seed, (tier, videos), before = self.seed, one.tier(), one.tier_a_week_ago
        name, since = f"{seed.choice(FIRST)} {seed.choice(LAST)}", (one.last_active_at or one.joined_at).astimezone(self.zone)
        joined = one.joined_at.astimezone(self.zone)
        seen, mean = f"{since.day} {since:%B %Y}", sum(rate for _, rate in one.begun) / videos if videos else None
        reason = {
            "low_engagement": f"{videos} videos since joining on {joined.day} {joined:%B %Y}",
            "highly_engaged": f"{videos} videos at {mean or 0:.1%} mean completion, last active on {seen}",
        }.get(tier, f"No activity since {seen}" if tier in ("at_risk", "inactive") else f"{videos} videos, last active on {seen}")
        has_finished = videos == len(self.titles) and all(rate == 1 for _, rate in one.begun)
        passed = {quiz for _, quiz, is_passed in one.attempts if is_passed}
        failed = Counter(quiz for day, quiz, is_passed in one.attempts if not is_passed and day < 14)
        stage = "onboarding" if one.joined < 7 else "completed" if has_finished else "learning"
        return {
            "creator_id": self.creator, "student_id": identity(seed), "name": name, "email": f"{name.lower().replace(' ', '.')}@example.org",
            "membership_status": seed.choices(["active", "trialing", "cancelled", "expired"], [90, 4, 4, 2])[0], "joined_at": one.joined_at,
            "last_active_at": one.last_active_at, "tier": tier, "tier_reason": reason,
            "status_filter": {"inactive": "inactive", "at_risk": "at-risk"}.get(tier, "active"),
            "lifecycle_stage": stage if one.last_active_at else "not_started", "rules_version": 1, "videos_watched_count": videos,
            "avg_completion_rate": round(mean, 4) if mean is not None else None, "watch_seconds": sum(one.learned.values()),
            "quiz_attempt_count": len(one.attempts), "quiz_passed_count": len(passed), "message_count": len(one.messages), "xp_points": videos * 40,
            "level": 1 + videos // 4, "streak_days": next(day for day in range(400) if day not in one.learned),
            "has_slipped": before is not None and _TIERS.index(tier) > _TIERS.index(before),
            "has_failed_twice": any(count > 1 and quiz not in passed for quiz, count in failed.items()),
            "is_stalled": any(day >= 7 and 0.05 <= rate < 0.9 for day, rate in one.begun) and min(one.learned, default=9) < 7,
            "has_payment_failed": seed.random() < 0.03,
        }  # fmt: skip

    def transitions(self) -> list[dict[str, Any]]:
        """The tier of a week ago, held since two months or since joining, and the change of this week where there was one."""
        rows = []
        for one, student in zip(self.known, self.students, strict=True):
            line = {"creator_id": self.creator, "student_id": student["student_id"], "rules_version": 1}
            first, now = one.tier_a_week_ago, student["tier"]
            rows.append({**line, "changed_at": max(one.joined_at, AS_OF - timedelta(days=60)), "to_tier": first or now})
            if first and first != now:
                rows.append({**line, "changed_at": AS_OF - timedelta(days=2), "from_tier": first, "to_tier": now})
        return rows

    def days(self, length: int = 140) -> list[dict[str, Any]]:
        """Each day up to the report's."""
        known = self.known
        learners = Counter(day for one in known for day in one.learned)
        seconds: Counter[int] = Counter()
        for one in known:
            seconds.update(one.learned)
        counts = {
            "completion_count": Counter(day for one in known for day, rate in one.begun if rate == 1),
            "watching_student_count": learners, "active_student_count": learners, "watch_seconds": seconds,
            "quizzing_student_count": Counter(day for one in known for day in {day for day, _, _ in one.attempts}),
            "chatting_student_count": Counter(day for one in known for day in {*one.messages}),
            "videos_watched_count": Counter(day for one in known for day, _ in one.begun),
            "quiz_attempt_count": Counter(day for one in known for day, _, _ in one.attempts),
            "message_count": Counter(day for one in known for day in one.messages), "new_student_count": Counter(one.joined for one in known),
        }  # fmt: skip
        return [
            {"creator_id": self.creator, "activity_on": TODAY - timedelta(days=back), "is_partial": False, "submitting_student_count": 0}
            | {name: count[back] for name, count in counts.items()}
            for back in range(length, -1, -1)
        ]

    def hours(self) -> list[dict[str, Any]]:
        """Evenings are busy, nights are not: each day of learning of the last 30 has its hour."""
        dice = random.Random(8)
        found = Counter(
            ((TODAY - timedelta(days=day)).isoweekday(), dice.choices(range(24), _HOURS)[0])
            for one in self.known
            for day in one.learned
            if day < 30
        )
        return [
            {"creator_id": self.creator, "weekday_no": day, "hour_no": hour, "student_hour_count": found[day, hour]}
            for day in range(1, 8)
            for hour in range(24)
        ]

    def videos(self, asked: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
        """Each video with its viewers; it needs attention where few finish it, or many ask about it."""
        rows, dice = [], random.Random(6)
        for number, title in enumerate(self.titles):
            begun = [one.begun[number] for one in self.known if len(one.begun) > number]
            rates, duration = sorted((rate for _, rate in begun), reverse=True), dice.randint(240, 2400)
            done, seen, left = sum(rate == 1 for rate in rates), len(rates), [rate for rate in rates if rate < 1]
            questions = sum(one["ask_count"] for one in asked if one["related_video_title"] == title)
            why = [f"{done} of {seen} viewers finished the video, under 30%"] if seen >= 10 and done / seen < 0.3 else []
            why += [f"{questions} questions in 90 days are about the video"] if questions >= 5 else []
            rows.append({
                "creator_id": self.creator, "video_id": identity(dice), "course_id": identity(dice), "title": title, "category": "Photography",
                "duration_seconds": duration, "viewer_count": seen, "avg_completion_rate": round(sum(rates) / seen, 4) if seen else None,
                "avg_watch_seconds": round(duration * sum(rates) / seen, 2) if seen else None, "completion_count": done,
                "completion_rate": round(done / seen, 4) if seen else None, "high_engagement_count": sum(rate >= 0.75 for rate in rates),
                "low_engagement_count": sum(rate < 0.25 for rate in rates), "avg_drop_off_rate": round(sum(left) / len(left), 4) if left else None,
                "drop_off_second": int(duration * left[len(left) // 2]) if left else None,
                "last_viewed_at": AS_OF - timedelta(days=min(day for day, _ in begun)) if seen else None, "needs_attention": bool(why),
                "attention_reason": "; ".join(why) or None,
                "retention_rates": json.dumps([round(sum(rate >= step / 20 for rate in rates) / seen, 4) for step in range(1, 21)]) if seen else None,
            })  # fmt: skip
        return rows

    def quizzes(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Quizzes, the second of which most fail, and their questions."""
        found, asked = [], []
        for number, (title, likely) in enumerate(_QUIZZES):
            quiz, tries = identity(random.Random(number)), [(one, ok) for one in self.known for _, no, ok in one.attempts if no == number]
            line, count, passes = {"creator_id": self.creator, "quiz_id": quiz}, len(tries), sum(ok for _, ok in tries)
            rate = passes / count if count else None
            found.append({
                **line, "title": title, "passing_score": 70, "attempt_count": count, "student_count": len({id(one) for one, _ in tries}),
                "avg_score": 41.5 + rate * 40 if rate is not None else None, "pass_rate": rate, "fail_rate": 1 - rate if rate is not None else None,
                "median_seconds": 240.0 if count else None, "is_struggling": count >= 5 and passes < count / 2,
            })  # fmt: skip
            for place, (text, share) in enumerate(
                (("Which space is widest?", likely + 0.1), ("What does the histogram show?", likely - 0.1)), 1
            ):
                wrong = round(count * share)
                asked.append({**line, "question_id": f"q{place}", "question_no": place, "question": text, "answer_count": count, "wrong_count": wrong,
                              "wrong_rate": wrong / count if count else None})  # fmt: skip
        return found, asked
