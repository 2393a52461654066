"""Rows to test reports with, in the columns of the marts that the page shows.

Belongs here: schemas, frames and rows that no other row counts. Does not: students and what they did (report_school.py), whole documents
(report_documents.py), checks, the real marts.
Tables of names and columns make this module longer than most.
"""

import json
import random
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from reports.document import Column, Document, Frame

AS_OF = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
TYPES = {
    "uuid": pa.string(), "text": pa.string(), "bigint": pa.int64(), "integer": pa.int32(), "numeric": pa.float64(),
    "timestamptz": pa.timestamp("us", "UTC"), "date": pa.date32(), "boolean": pa.bool_(),
}  # fmt: skip
COLUMNS = {
    "creator_overview": "creator_id company_name current_plan plan_expires_at timezone today_on student_count active_7d_count active_30d_count"
    " active_30d_rate new_30d_count new_prior_30d_count active_prior_30d_count churn_30d_rate inactive_count at_risk_count low_engagement_count"
    " highly_engaged_count engaged_count moderate_count video_count processed_video_count total_duration_seconds watched_video_count"
    " completion_count watch_seconds avg_completion_rate quiz_count quiz_attempt_count quiz_pass_rate avg_quiz_score question_count answer_count"
    " satisfaction_rate active_day_30d_count avg_daily_active_30d avg_active_minutes_30d peak_hour_no peak_hour_rate completion_30d_count"
    " completion_30d_change watch_30d_seconds watch_30d_change date_format has_metadata",
    "hourly_activity": "creator_id weekday_no hour_no student_hour_count share_rate",
    "tier_transitions": "creator_id student_id changed_at from_tier to_tier rules_version",
    "quiz_analytics": "creator_id quiz_id title difficulty_level passing_score attempt_count student_count avg_score pass_rate fail_rate median_seconds"
    " last_attempted_at is_struggling",
    "quiz_question_analytics": "creator_id quiz_id question_id question_no question answer_count wrong_count wrong_rate",
    "revenue_overview": "creator_id currency this_month_on this_month_cents last_month_cents revenue_change per_student_cents"
    " this_month_failed_count last_month_failed_count",
    "recommendations": "creator_id recommendation about_key student_id video_id quiz_id question_id about action reason since_at",
    "restatements": "creator_id activity_on metric old_value new_value as_of",
    "daily_activity": "creator_id activity_on is_partial watch_seconds completion_count active_student_count"
    " watching_student_count quizzing_student_count chatting_student_count"
    " submitting_student_count videos_watched_count quiz_attempt_count message_count new_student_count",
    "video_analytics": "creator_id video_id course_id title category duration_seconds viewer_count avg_completion_rate avg_watch_seconds"
    " completion_count completion_rate high_engagement_count low_engagement_count avg_drop_off_rate drop_off_second last_viewed_at"
    " needs_attention attention_reason retention_rates",
    "student_engagement_tiers": "creator_id student_id name email membership_status joined_at last_active_at tier tier_reason status_filter"
    " lifecycle_stage rules_version videos_watched_count avg_completion_rate watch_seconds quiz_attempt_count quiz_passed_count message_count"
    " xp_points level streak_days has_slipped has_failed_twice is_stalled has_payment_failed",
    "top_questions": "creator_id question_id question ask_count student_count ask_7d_count ask_30d_count satisfaction_rate first_asked_at"
    " last_asked_at trend related_video_title related_video_second example_wordings",
}
ROW_LEVEL = {
    "progress": "creator_id student_id student_name student_email video_id video_title course_id course_title watch_seconds completion_rate is_completed"
    " last_position_seconds last_watched_at",
    "chat_transcript": "creator_id message_id session_id session_title student_id student_name student_email role content feedback sent_at",
    "quiz_results": "creator_id attempt_id student_id student_name student_email quiz_id quiz_title score is_passed time_taken_seconds completed_at",
}
"""Columns of the marts that are exported and not shown on the page."""
MEANINGS = {
    "active_7d_count": "Students with any activity on the last 7 days: watching, a quiz, a message or a project.",
    "active_30d_count": "Students with any activity on the last 30 days.",
    "new_30d_count": "Students who joined on the last 30 days.",
    "churn_30d_rate": "Of the students active in the 30 days before the last 30, the share not active in the last 30.",
    "watch_seconds": "Seconds that students watched, over everything known.",
    "satisfaction_rate": "Positive ratings over all ratings of the assistant's answers of the last 90 days.",
    "active_student_count": "Students with any activity on that day, each counted once.",
    "completion_rate": "Viewers who completed the video, over all its viewers.",
    "drop_off_second": "The median place where viewers who have not finished the video stopped.",
    "needs_attention": "The completion rate is under 30% with 10 or more viewers, or 5 or more questions are about the video.",
    "tier": "How engaged the student is: the first rule of the tier table that holds.",
    "ask_count": "Questions of the last 90 days in this wording, after folding case and punctuation.",
}
FIRST = [
    "Ada",
    "Bilal",
    "Chiara",
    "Dmitri",
    "Esi",
    "Farah",
    "Goran",
    "Hana",
    "Imre",
    "Jonas",
    "Kofi",
    "Leila",
    "Mei",
    "Nadia",
    "Olu",
    "Priya",
    "Quentin",
    "Rosa",
    "Sven",
    "Tomás",
    "Uma",
    "Vera",
    "Wei",
    "Yusuf",
    "Zoë",
]
LAST = [
    "Abara",
    "Bianchi",
    "Costa",
    "Dahl",
    "Eriksen",
    "Fofanah",
    "Grant",
    "Haddad",
    "Ito",
    "Jensen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Okafor",
    "Petrov",
    "Quispe",
    "Rossi",
    "Sato",
]
TITLES = [
    "Welcome and what you will build", "Setting up your workspace", "Light, shutter, aperture", "Composing with one lens",
    "Shooting in bad weather", "Portraits without a studio", "Colour management from camera to print", "Editing a hundred pictures in an hour",
    "Masks and local adjustments", "Printing at home", "Street photography and the law", "Night and long exposure", "Building a portfolio",
    "Pricing your work", "Finding the first ten clients", "Contracts that protect you",
]  # fmt: skip
QUESTIONS = [
    "Which lens should I buy first?", "How do I export for print without the colours changing?", "Can I redo the quiz of module 3?",
    "Do I need a release form for people in the street?", "What is the difference between RAW and JPEG in practice?",
    "Where can I download the preset files?", "Why are my night pictures so noisy?",
]  # fmt: skip

ALSO_ASKED = [
    ["first lens to buy??", "what lens would you get if you could only have one", "best lens for a beginner"],
    ["Colours are wrong when I print", "prints come out darker than on my screen, which profile do I export with"],
    ["can i repeat quiz 3"],
]  # fmt: skip


def type_of(name: str) -> str:
    """The contract's type of a mart column, by the naming rules."""
    if name == "question_id":
        return "text"
    endings = {
        "_id": "uuid",
        "_at": "timestamptz",
        "_on": "date",
        "_count": "bigint",
        "_seconds": "bigint",
        "_second": "bigint",
        "_rate": "numeric",
        "_change": "numeric",
        "_cents": "bigint",
        "_no": "integer",
        "_value": "numeric",
        "_score": "numeric",
    }
    exact = {"avg_watch_seconds": "numeric", "avg_quiz_score": "numeric", "needs_attention": "boolean", "rules_version": "integer"}
    exact |= dict.fromkeys(
        (
            "is_partial",
            "is_completed",
            "is_passed",
            "is_struggling",
            "has_slipped",
            "has_failed_twice",
            "is_stalled",
            "has_payment_failed",
            "has_metadata",
        ),
        "boolean",
    )
    exact |= {"median_seconds": "numeric", "passing_score": "integer", "about_key": "text", "as_of": "timestamptz"}
    exact |= {"avg_daily_active_30d": "numeric", "avg_active_minutes_30d": "numeric", "peak_hour_no": "integer"}
    exact |= dict.fromkeys(("xp_points", "level", "streak_days", "score"), "integer")
    return exact.get(name) or next((kind for ending, kind in endings.items() if name.endswith(ending)), "text")


def frame(name: str, rows: Sequence[Mapping[str, Any]], columns: str | None = None, title: str | None = None) -> Frame:
    """A frame of a mart from rows as dicts; a missing value is null."""
    names = (columns or (COLUMNS | ROW_LEVEL)[name]).split()
    units = {"_rate": "rate", "seconds": "seconds", "_count": "count", "_score": "points", "_change": "change"}
    described = [
        Column(
            column, column.replace("_", " ").capitalize(), type_of(column),
            next((unit for ending, unit in units.items() if column.endswith(ending)), None), MEANINGS.get(column, f"The {column.replace('_', ' ')}."),
        )
        for column in names
    ]  # fmt: skip
    arrays = [pa.array([row.get(column) for row in rows], TYPES[type_of(column)]) for column in names]
    return Frame(
        name, title or name.replace("_", " ").capitalize(), f"One row per {name}.", tuple(described), pa.table(arrays, names=names)
    )


def document(report: str, title: str, creator: str, main: str, frames: Mapping[str, Frame], timezone: str = "Europe/Berlin") -> Document:
    """A document as of Monday, 2 March 2026, 07:00 UTC."""
    return Document(report, title, creator, AS_OF, AS_OF - timedelta(minutes=10), timezone, frames[main], frames)


def identity(seed: random.Random) -> str:
    """A UUID that the seed decides."""
    return str(uuid.UUID(int=seed.getrandbits(128), version=4))


def doings(creator: str, people: Sequence[Mapping[str, Any]], clips: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """What the first students did, by row-level mart: a video each, a conversation, a quiz."""
    who = [
        {"creator_id": creator, "student_id": one["student_id"], "student_name": one["name"], "student_email": one["email"]}
        for one in people
    ]
    seed = random.Random(5)
    chat, quiz, course = identity(seed), identity(seed), identity(seed)
    watched = [
        {"video_id": clip["video_id"], "video_title": clip["title"], "course_id": course if no else None, "course_title": "Prints; part 1" if no else None,
         "watch_seconds": 100 * no, "completion_rate": no / 4, "is_completed": no == 3, "last_position_seconds": 90 * no or None,
         "last_watched_at": AS_OF - timedelta(days=no, microseconds=no)}
        for no, clip in enumerate(clips)
    ]  # fmt: skip
    said = [("user", '@SUM(1+1) in "prints",\nwhy?', None), ("assistant", "Because\tof the profile… 🖨️", "positive"), ("user", "", None)]
    messages = [
        {"message_id": identity(seed), "session_id": chat, "session_title": None if no else "-1 is a title", "role": role, "content": content,
         "feedback": feedback, "sent_at": AS_OF - timedelta(minutes=9 - no)}
        for no, (role, content, feedback) in enumerate(said)
    ]  # fmt: skip
    tried = [
        {"attempt_id": identity(seed), "quiz_id": quiz, "quiz_title": "Exposure & light", "score": score, "is_passed": score >= 70,
         "time_taken_seconds": taken, "completed_at": AS_OF - timedelta(hours=score)}
        for score, taken in ((69, None), (70, 301), (100, 0))
    ]  # fmt: skip
    return {
        "progress": [one | row for one, row in zip(who, watched, strict=False)],
        "chat_transcript": [who[0] | row for row in messages],
        "quiz_results": [one | row for one, row in zip(who, tried, strict=False)],
    }


def questions(creator: str, count: int, students: int = 100) -> list[dict[str, Any]]:
    """Questions, the last of them asked only once; nobody asks who is not there."""
    rows = []
    for number, text in enumerate(QUESTIONS[:count]):
        asks = max(1, (count - number) * 3 - 2)
        week = min(asks, max(0, 4 - number))
        month = min(asks, max(week, count - number))
        weekly = (month - week) / 3
        last = AS_OF - timedelta(days=number * 2, hours=3)
        rows.append({
            "creator_id": creator, "question_id": f"q{number}", "question": text, "ask_count": asks, "student_count": min(asks, students, (count - number) * 2),
            "ask_7d_count": week, "ask_30d_count": month, "satisfaction_rate": None if number == 3 else round(0.9 - number * 0.08, 4),
            "first_asked_at": AS_OF - timedelta(days=70) if asks > month else last, "last_asked_at": last,
            "trend": "emerging" if week >= 3 and week >= 2 * weekly else "fading" if weekly and week <= weekly / 2 else "steady",
            "related_video_title": TITLES[number + 2] if number % 2 == 0 else None, "related_video_second": 95 + number if number % 4 == 0 else None,
            "example_wordings": json.dumps(ALSO_ASKED[number % 4], ensure_ascii=False) if number % 4 < len(ALSO_ASKED) else None,
        })  # fmt: skip
    return rows


def revenue(creator: str) -> list[dict[str, Any]]:
    """Two currencies, one without cents."""
    row = {"creator_id": creator, "this_month_on": TODAY.replace(day=1), "last_month_failed_count": 1}
    return [
        row
        | {
            "currency": "EUR",
            "this_month_cents": 41_250,
            "last_month_cents": 1_204_300,
            "revenue_change": -0.9657,
            "this_month_failed_count": 3,
        },
        row | {"currency": "JPY", "this_month_cents": 58_000, "last_month_cents": 0, "revenue_change": None, "this_month_failed_count": 0},
    ]


def advice(
    creator: str,
    people: Sequence[Mapping[str, Any]],
    clips: Sequence[Mapping[str, Any]],
    tried: Sequence[Mapping[str, Any]],
    asked: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """What follows from the other rows, and check-ins for all who are quiet and not done."""
    rows = [
        ("revise_quiz", quiz["title"], "Revise the quiz", f"{round(quiz['attempt_count'] * quiz['fail_rate'])} of {quiz['attempt_count']} attempts failed, over 50%")
        for quiz in tried if quiz["is_struggling"]
    ]  # fmt: skip
    rows += [
        ("close_gap", one["question"], "Answer it in an FAQ or a video", f"{one['student_count']} students asked it in 90 days")
        for one in asked[:1]
    ]
    rows += [
        ("review_video", clip["title"], "Review the video or split it", clip["attention_reason"])
        for clip in clips
        if clip["needs_attention"]
    ]
    rows += [
        ("check_in", one["name"], "Check in with the student", one["tier_reason"])
        for one in people
        if one["tier"] in ("at_risk", "inactive") and one["lifecycle_stage"] != "completed"
    ]
    return [
        {
            "creator_id": creator,
            "recommendation": kind,
            "about_key": str(number),
            "about": about,
            "action": action,
            "reason": reason,
            "since_at": AS_OF,
        }
        for number, (kind, about, action, reason) in enumerate(rows)
    ]


def restatements(creator: str, days: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Two numbers of two days: what they are now, and something else before."""
    row, now = {"creator_id": creator, "as_of": AS_OF}, {day["activity_on"]: day for day in days}
    changed = ((TODAY - timedelta(days=2), "active_student_count", 1), (TODAY - timedelta(days=5), "watch_seconds", -1200))
    return [
        row | {"activity_on": day, "metric": metric, "old_value": float(now[day][metric] - more), "new_value": float(now[day][metric])}
        for day, metric, more in changed
    ]
