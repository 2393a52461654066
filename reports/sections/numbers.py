"""What happened, in numbers of longer spans than the week that leads the page (lead.py); a column of `creator_overview` that is new joins the last group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.reading import Reading
from reports.sections.values import say_value
from reports.wording import DASH, clean, say_count, say_duration, say_growth, say_rate

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
    "avg_messages_per_chat", "peak_hour_no", "peak_hour_rate", "date_format", "has_metadata",
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

    groups: list[Group]
    empty: str | None


def build(reading: Reading) -> Numbers:
    """The section from `creator_overview`."""
    row = reading.overview
    if row is None:
        return Numbers([], reading.absence("creator_overview", "the key numbers", "No key numbers yet."))
    groups = [_month(row), _watching(row), _news(reading, row)]
    return Numbers([group for group in groups if group.numbers or group.empty], None)


def _month(row: Mapping[str, Any]) -> Group:
    if not row["student_count"]:
        return Group("In 30 days", [], "No students yet.")
    churn_note = "of those seen in the 30 days before" if row["churn_30d_rate"] is not None else "nobody was seen in the 30 days before"
    return Group(
        "In 30 days",
        [
            _against("Students seen", row["active_30d_count"], row["active_prior_30d_count"]),
            _against("New students", row["new_30d_count"], row["new_prior_30d_count"]),
            Number("Churn", say_rate(row["churn_30d_rate"]), churn_note),
            _changed("Videos completed", say_count(row["completion_30d_count"]), row["completion_30d_change"]),
            _changed("Watch time", say_duration(row["watch_30d_seconds"]), row["watch_30d_change"]),
            Number("Minutes watched", say_count(row["avg_active_minutes_30d"]), "per learner and day"),
            Number("Days with learners", say_count(row["active_day_30d_count"]), "of 30"),
            _busiest(row),
        ],
    )


def _against(label: str, now: int | None, before: int | None) -> Number:
    """As `_changed`, but of two counts: where nobody was before, no percentage says how many more are now."""
    if now is None or before is None or before:
        return _changed(label, say_count(now), (now - before) / before if now is not None and before else None)
    return Number(label, say_count(now), None, f"none in the 30 days before{'' if now else ' either'}")


def _changed(label: str, value: str, change: float | None) -> Number:
    direction = "up" if change and change > 0 else "down" if change and change < 0 else None
    return Number(label, value, None, say_growth(change, "the 30 days before") if change is not None else None, direction)


def _watching(row: Mapping[str, Any]) -> Group:
    if not row["video_count"]:
        return Group("So far", [], "No videos yet.")
    length = f", {say_duration(row['total_duration_seconds'])} long" if row["total_duration_seconds"] else ""
    return Group(
        "So far",
        [
            Number("Watch time", say_duration(row["watch_seconds"])),
            Number("Videos completed", say_count(row["completion_count"]), "each to the end, by one student"),
            Number("Mean completion", say_rate(row["avg_completion_rate"]), "of a video once started"),
            Number("Videos watched", say_count(row["watched_video_count"]), f"of {say_count(row['video_count'])}{length}"),
        ],
    )


def _busiest(row: Mapping[str, Any]) -> Number:
    if row["peak_hour_no"] is None:
        return Number("Busiest hour", DASH)
    return Number("Busiest hour", f"{row['peak_hour_no']:02}:00", f"{say_rate(row['peak_hour_rate'])} of the learning")


def _news(reading: Reading, row: Mapping[str, Any]) -> Group:
    new = [column for column in reading.frames["creator_overview"].columns if column.name not in _KNOWN]
    shown = [column for column in new if not column.name.endswith("_id")]
    return Group("Also", [Number(clean(column.label, 60), say_value(row[column.name], column, reading)) for column in shown])
