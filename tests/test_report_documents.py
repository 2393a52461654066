"""The documents that reports are tested with: their numbers add up, or a golden file would teach a reader what cannot be."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from reports.document import Document
from tests.report_documents import believable, tiny
from tests.report_rows import TODAY

DOCUMENTS = {"believable": believable(), "tiny": tiny("report", "creator_overview")}


@pytest.fixture(params=DOCUMENTS.values(), ids=DOCUMENTS)
def marts(request: pytest.FixtureRequest) -> dict[str, list[dict[str, Any]]]:
    document: Document = request.param
    return {name: one.table.to_pylist() for name, one in document.frames.items()}


def _sum(rows: list[dict[str, Any]], name: str) -> int:
    return sum(row[name] or 0 for row in rows)


def test_students_add_up(marts: dict[str, list[dict[str, Any]]]) -> None:
    (row,), people = marts["creator_overview"], marts["student_engagement_tiers"]
    assert Counter(one["tier"] for one in people) == Counter({name: row[f"{name}_count"] for name in {one["tier"] for one in people}})
    assert row["student_count"] == len(people) >= row["active_30d_count"] >= row["active_7d_count"]
    assert row["active_prior_30d_count"] * (1 - (row["churn_30d_rate"] or 0)) <= row["active_30d_count"]
    assert all((one["videos_watched_count"] > 0) == (one["avg_completion_rate"] is not None) for one in people)
    assert all((one["videos_watched_count"] > 0) == (one["watch_seconds"] > 0) for one in people)


def test_a_change_of_this_week_is_what_makes_a_student_slip(marts: dict[str, list[dict[str, Any]]]) -> None:
    people = {one["student_id"]: one for one in marts["student_engagement_tiers"]}
    newest = {one["student_id"]: one["to_tier"] for one in sorted(marts["tier_transitions"], key=lambda one: one["changed_at"])}
    assert newest == {student: one["tier"] for student, one in people.items()}
    slipped = {student for student, one in people.items() if one["has_slipped"]}
    assert slipped <= {one["student_id"] for one in marts["tier_transitions"] if one["from_tier"]}
    assert all(one["joined_at"] <= line["changed_at"] for line in marts["tier_transitions"] if (one := people[line["student_id"]]))


def test_days_add_up_to_spans_and_spans_stay_below_totals(marts: dict[str, list[dict[str, Any]]]) -> None:
    (row,), days = marts["creator_overview"], marts["daily_activity"]
    month = [day for day in days if day["activity_on"] > TODAY - timedelta(days=30)]
    assert len(month) == 30
    for total, span, daily in (
        ("watch_seconds", "watch_30d_seconds", "watch_seconds"),
        ("completion_count", "completion_30d_count", "completion_count"),
    ):
        assert _sum(month, daily) == row[span] <= _sum(days, daily) <= row[total]
    assert row["new_30d_count"] == _sum(month, "new_student_count")
    assert row["active_day_30d_count"] == sum(day["active_student_count"] > 0 for day in month)
    assert row["avg_active_minutes_30d"] == pytest.approx(row["watch_30d_seconds"] / _sum(month, "active_student_count") / 60, abs=0.06)
    assert _sum(marts["hourly_activity"], "student_hour_count") >= _sum(month, "active_student_count")
    assert max(day["active_student_count"] for day in month[-7:]) <= row["active_7d_count"]
    assert _sum(days, "message_count") <= _sum(marts["student_engagement_tiers"], "message_count")


def test_videos_quizzes_and_questions_are_of_these_students(marts: dict[str, list[dict[str, Any]]]) -> None:
    (row,), people, clips = marts["creator_overview"], marts["student_engagement_tiers"], marts["video_analytics"]
    assert _sum(clips, "viewer_count") == _sum(people, "videos_watched_count")
    assert _sum(clips, "completion_count") == row["completion_count"] and _sum(people, "watch_seconds") == row["watch_seconds"]
    assert all(one["completion_rate"] == pytest.approx(one["completion_count"] / one["viewer_count"], abs=1e-4) for one in clips)
    assert _sum(marts["quiz_analytics"], "attempt_count") == row["quiz_attempt_count"] == _sum(people, "quiz_attempt_count")
    for rows in (clips, marts["quiz_analytics"], marts["top_questions"]):
        assert all((one.get("viewer_count") or one.get("student_count") or 0) <= len(people) for one in rows)
    for one in marts["top_questions"]:
        assert one["ask_7d_count"] <= one["ask_30d_count"] <= one["ask_count"] >= one["student_count"]
    assert _sum(marts["top_questions"], "ask_count") <= _sum(people, "message_count")


def test_what_is_restated_and_advised_is_what_other_rows_say(marts: dict[str, list[dict[str, Any]]]) -> None:
    days = {day["activity_on"]: day for day in marts["daily_activity"]}
    assert all(one["new_value"] == days[one["activity_on"]][one["metric"]] for one in marts["restatements"])
    people = [
        one for one in marts["student_engagement_tiers"] if one["tier"] in ("at_risk", "inactive") and one["lifecycle_stage"] != "completed"
    ]
    kinds = Counter(one["recommendation"] for one in marts["recommendations"])
    assert kinds["check_in"] == len(people) and kinds["review_video"] == _sum(marts["video_analytics"], "needs_attention")
    assert kinds["revise_quiz"] == _sum(marts["quiz_analytics"], "is_struggling")
