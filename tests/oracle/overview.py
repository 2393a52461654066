"""One row per creator: everything together.

Belongs here: creator_overview. Does not: what it adds up (students, videos, questions, days).
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.oracle.courses import days_of_completions
from tests.oracle.engagement import of_chats, of_days, of_hours
from tests.oracle.moment import SUBMISSION, Moment
from tests.oracle.numbers import change, mean, rate
from tests.oracle.questions import Answer, Question, satisfaction, within
from tests.oracle.quizzes import finished_attempts
from tests.oracle.students import Student, tier_of
from tests.oracle.videos import viewers_of

DATE_FORMATS = (
    "YYYY-MM-DD", "YYYY/MM/DD", "DD/MM/YYYY", "DD-MM-YYYY", "DD.MM.YYYY", "MM/DD/YYYY", "D MMMM YYYY", "MMMM D, YYYY", "DD MMM YYYY", "MMM DD, YYYY",
)  # fmt: skip
TIERS = ("inactive", "at_risk", "low_engagement", "highly_engaged", "engaged", "moderate")


def creator_overview(
    moment: Moment,
    students: dict[UUID, Student],
    questions: list[Question],
    answers: list[Answer],
    daily: dict[tuple, dict[str, Any]],
    opened_as_of: datetime,
) -> dict[tuple, dict[str, Any]]:
    """One row per creator; `daily` are the rows of daily_activity."""
    return {
        (creator_id,): {
            **{name: creator[name] for name in ("company_name", "current_plan", "plan_expires_at")},
            "timezone": moment.zones.zone_at(creator_id, moment.as_of),
            "today_on": moment.zones.today(creator_id, moment.as_of),
            **_of_preferences(moment, creator_id),
            **_of_students(moment, creator_id, [student for student in students.values() if student.row["creator_id"] == creator_id]),
            **_of_videos(moment, creator_id),
            **_of_quizzes(moment, creator_id),
            "quiz_attempt_count": sum(student.attempts for student in students.values() if student.row["creator_id"] == creator_id),
            "quiz_passed_count": sum(len(student.passed) for student in students.values() if student.row["creator_id"] == creator_id),
            **_of_questions(moment, creator_id, questions, answers),
            **_of_courses(moment, creator_id),
            **_of_work(moment, creator_id, {key for key, student in students.items() if student.row["creator_id"] == creator_id}),
            **of_days(moment, creator_id, daily, opened_as_of),
            **of_hours(moment, creator_id),
            **of_chats(moment, creator_id),
        }
        for creator_id, creator in moment.creators.items()
    }


def _of_preferences(moment: Moment, creator_id: UUID) -> dict[str, Any]:
    stored = moment.mirror.rows["creator_preferences"].get((creator_id,))
    wishes = stored["export_preferences"] if stored and isinstance(stored["export_preferences"], dict) else {}
    asked = wishes.get("dateFormat")
    return {"date_format": asked if asked in DATE_FORMATS else None, "has_metadata": wishes.get("includeMetadata") is True}


def _of_students(moment: Moment, creator_id: UUID, students: list[Student]) -> dict[str, Any]:
    def count(days: Iterable[int | None], window: range) -> int:
        return sum(ago in window for ago in days if ago is not None)

    active = [moment.days_ago(creator_id, student.last_active_at) for student in students]
    joined = [moment.days_ago(creator_id, student.row["created_at"]) for student in students]
    today = moment.zones.today(creator_id, moment.as_of)
    before = [student for student in students if _was_seen(moment, creator_id, student, range(30, 60))]
    lost = [student for student in before if moment.days_ago(creator_id, student.last_active_at) not in range(30)]
    tiers = Counter(tier_of(student, moment.as_of) for student in students)
    return {
        "student_count": len(students),
        "active_7d_count": count(active, range(7)),
        "active_30d_count": count(active, range(30)),
        "active_90d_count": count(active, range(90)),
        **{f"active_{days}d_rate": rate(count(active, range(days)), len(students)) for days in (7, 30, 90)},
        "active_30d_change": change(count(active, range(30)), len(before)),
        "new_month_count": count(joined, range(today.day)),
        "new_30d_count": count(joined, range(30)),
        "new_prior_30d_count": count(joined, range(30, 60)),
        "new_30d_change": change(count(joined, range(30)), count(joined, range(30, 60))),
        "active_prior_30d_count": len(before),
        "churn_30d_rate": rate(len(lost), len(before)),
        **{f"{tier}_count": tiers[tier] for tier in TIERS},
    }


def _was_seen(moment: Moment, creator_id: UUID, student: Student, window: range) -> bool:
    """Whether an activity, or the app's last sight of the student, falls on one of the days that many days ago."""
    today = moment.zones.today(creator_id, moment.as_of)
    did = any((today - on).days in window for on, day in student.days.items() if day.is_active)
    return did or moment.days_ago(creator_id, student.last_seen_at) in window


def _of_videos(moment: Moment, creator_id: UUID) -> dict[str, Any]:
    videos = {key: row for key, row in moment.videos.items() if row["creator_id"] == creator_id}
    viewers = {video_id: gains for video_id, gains in viewers_of(moment).items() if video_id in videos}
    pairs = [gain for gains in viewers.values() for gain in gains]
    return {
        "video_count": len(videos),
        "processed_video_count": sum(bool(row["transcript_processed"]) for row in videos.values()),
        "total_duration_seconds": sum(row["duration_seconds"] or 0 for row in videos.values()),
        "watched_video_count": sum(bool(gains) for gains in viewers.values()),
        "completion_count": sum(gain.is_completed for gain in pairs),
        "watch_seconds": sum(gain.watch_seconds for gain in pairs),
        "avg_completion_rate": rate(sum(gain.completion_percentage for gain in pairs), 100 * len(pairs)),
    }


def _of_quizzes(moment: Moment, creator_id: UUID) -> dict[str, Any]:
    attempts = [deed.row for deed in finished_attempts(moment) if deed.creator_id == creator_id]
    return {
        "quiz_count": sum(row["creator_id"] == creator_id for row in moment.quizzes.values()),
        "quiz_pass_rate": rate(sum(row["passed"] for row in attempts), len(attempts)),
        "avg_quiz_score": mean(sum(row["score"] for row in attempts), len(attempts)),
    }


def _of_courses(moment: Moment, creator_id: UUID) -> dict[str, Any]:
    taken = [
        days
        for course_id, group in days_of_completions(moment).items()
        if moment.courses[course_id]["creator_id"] == creator_id
        for days in group
    ]
    return {"avg_course_day_count": mean(sum(taken), len(taken))}


def _of_work(moment: Moment, creator_id: UUID, students: set[UUID]) -> dict[str, Any]:
    handed_in = [deed for deed in moment.deeds if deed.kind == SUBMISSION and deed.creator_id == creator_id and deed.student_id in students]
    scores = [deed.row["score"] for deed in handed_in if deed.row["score"] is not None]
    unlocked = [
        row for row in moment.mirror.all("student_achievements") if row["student_id"] in students and row["unlocked_at"] <= moment.as_of
    ]
    return {
        "submitted_project_count": len({(deed.student_id, deed.row["project_id"]) for deed in handed_in}),
        "avg_project_score": mean(sum(scores), len(scores)),
        "avg_achievement_count": mean(len(unlocked), len(students)),
    }


def _of_questions(moment: Moment, creator_id: UUID, questions: list[Question], answers: list[Answer]) -> dict[str, Any]:
    recent = [answer for answer in answers if answer.creator_id == creator_id and within(moment, answer, 90)]
    return {
        "question_count": sum(question.creator_id == creator_id and within(moment, question, 90) for question in questions),
        "answer_count": len(recent),
        "satisfaction_rate": satisfaction(recent),
    }
