"""What happened, in numbers: four that lead, the rest in groups; a column of `creator_overview` that is new joins the last group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.reading import Reading
from reports.sections.values import say_value
from reports.wording import DASH, clean, say_count, say_duration, say_many, say_rate, say_trend

# shown by this module, by the tiers or in the page's head, or of other windows than the page's; every other column is new to the page
_KNOWN = {
    "creator_id", "company_name", "current_plan", "plan_expires_at", "timezone", "today_on", "student_count", "active_7d_count",
    "active_30d_count", "active_30d_rate", "new_30d_count", "new_prior_30d_count", "active_prior_30d_count", "churn_30d_rate",
    "inactive_count", "at_risk_count", "low_engagement_count", "highly_engaged_count", "engaged_count", "moderate_count",
    "video_count", "processed_video_count", "total_duration_seconds", "watched_video_count", "completion_count",
    "watch_seconds", "avg_completion_rate", "quiz_count", "quiz_attempt_count", "quiz_pass_rate", "avg_quiz_score",
    "question_count", "answer_count", "satisfaction_rate", "active_90d_count", "active_7d_rate", "active_90d_rate", "active_30d_change",
    "new_month_count", "new_30d_change", "completion_30d_count", "completion_30d_change", "watch_30d_seconds", "watch_30d_change",
    "avg_course_day_count", "quiz_passed_count", "submitted_project_count", "avg_project_score", "avg_achievement_count",
    "avg_messages_per_chat", "peak_hour_no", "peak_hour_rate",
    *(f"{name}_{length}d" for name in ("avg_daily_active", "avg_active_minutes") for length in (7, 30, 90)),
    *(f"active_day_{length}d_count" for length in (7, 30, 90)),
}  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A number with its name; `note` puts it in proportion, `trend` says how it moved and `direction` is up, down or None."""

    label: str
    value: str
    note: str | None = None
    trend: str | None = None
    direction: str | None = None


@dataclass(frozen=True)
class Group:
    """Numbers under one title; `empty` stands in their place."""

    title: str
    numbers: list[Number]
    empty: str | None = None


@dataclass(frozen=True)
class Numbers:
    """`empty` says why there are none at all."""

    leading: list[Number]
    groups: list[Group]
    empty: str | None


def build(reading: Reading) -> Numbers:
    """The section from `creator_overview`."""
    row = reading.overview
    if row is None:
        return Numbers([], [], reading.absence("creator_overview", "the key numbers", "No key numbers yet."))
    groups = [_watching(row), _engagement(row), _quizzes(row), _questions(row), _news(reading, row)]
    return Numbers(_leading(row), [group for group in groups if group.numbers or group.empty], None)


def _leading(row: Mapping[str, Any]) -> list[Number]:
    students = row["student_count"]
    week = row["active_7d_count"]
    of_all = f"{say_rate(week / students)} of {say_many(students, 'student')}" if students and week is not None else None
    of_month = f"{say_rate(row['active_30d_rate'])} of all students" if row["active_30d_rate"] is not None else None
    churn_note = "of those active in the 30 days before" if row["churn_30d_rate"] is not None else "nobody was active in the 30 days before"
    return [
        Number("Active in 7 days", say_count(week), of_all),
        _moved("Active in 30 days", row["active_30d_count"], row["active_prior_30d_count"], of_month),
        _moved("New in 30 days", row["new_30d_count"], row["new_prior_30d_count"], None),
        Number("Churn in 30 days", say_rate(row["churn_30d_rate"]), churn_note),
    ]


def _moved(label: str, now: int | None, before: int | None, note: str | None) -> Number:
    direction = None if now is None or before is None or now == before else ("up" if now > before else "down")
    return Number(label, say_count(now), note, say_trend(now, before), direction)


def _watching(row: Mapping[str, Any]) -> Group:
    if not row["video_count"]:
        return Group("Watching", [], "No videos yet.")
    length = f", {say_duration(row['total_duration_seconds'])} long" if row["total_duration_seconds"] else ""
    return Group(
        "Watching",
        [
            Number("Watch time", say_duration(row["watch_seconds"])),
            Number("Videos completed", say_count(row["completion_count"]), "by a student to the end"),
            Number("Mean completion", say_rate(row["avg_completion_rate"]), "of a video once started"),
            Number("Videos watched", say_count(row["watched_video_count"]), f"of {say_count(row['video_count'])}{length}"),
        ],
    )


def _engagement(row: Mapping[str, Any]) -> Group:
    if not row["active_day_30d_count"]:
        return Group("Engagement in 30 days", [], "Nobody was active in the last 30 days.")
    return Group(
        "Engagement in 30 days",
        [
            Number("Active days", say_count(row["active_day_30d_count"]), "of 30"),
            Number("Active students a day", say_count(row["avg_daily_active_30d"]), "on average"),
            Number("Minutes watched", say_count(row["avg_active_minutes_30d"]), "per active student and day"),
            _busiest(row),
        ],
    )


def _busiest(row: Mapping[str, Any]) -> Number:
    if row["peak_hour_no"] is None:
        return Number("Busiest hour", DASH)
    return Number("Busiest hour", f"{row['peak_hour_no']}:00", f"{say_rate(row['peak_hour_rate'])} of the activity")


def _quizzes(row: Mapping[str, Any]) -> Group:
    if not row["quiz_count"]:
        return Group("Quizzes", [], "No quizzes yet.")
    if not row["quiz_attempt_count"]:
        return Group("Quizzes", [], f"{say_many(row['quiz_count'], 'quiz', 'quizzes')}, not tried yet.")
    return Group(
        "Quizzes",
        [
            Number("Attempts", say_count(row["quiz_attempt_count"]), f"at {say_many(row['quiz_count'], 'quiz', 'quizzes')}"),
            Number("Quizzes passed", say_rate(row["quiz_pass_rate"]), "of attempts"),
            Number("Mean score", say_count(row["avg_quiz_score"]), "of 100 points"),
        ],
    )


def _questions(row: Mapping[str, Any]) -> Group:
    if not row["question_count"]:
        return Group("Questions", [], "No questions yet.")
    return Group(
        "Questions",
        [
            Number("Questions asked", say_count(row["question_count"]), "in 90 days"),
            Number("Answers", say_count(row["answer_count"])),
            Number("Answers that helped", say_rate(row["satisfaction_rate"]), "of those rated"),
        ],
    )


def _news(reading: Reading, row: Mapping[str, Any]) -> Group:
    new = [column for column in reading.frames["creator_overview"].columns if column.name not in _KNOWN]
    shown = [column for column in new if not column.name.endswith("_id")]
    return Group("Also", [Number(clean(column.label, 60), say_value(row[column.name], column, reading)) for column in shown])
