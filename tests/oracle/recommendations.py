"""What a creator is advised to do.

Belongs here: recommendations. Does not: the findings that they rest on (students, videos, quizzes, questions), taken as those tables give them.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.oracle.moment import Moment
from tests.oracle.students import STATUS, Student, tier_of

Table = dict[tuple, dict[str, Any]]


def recommendations(moment: Moment, students: dict[UUID, Student], tables: dict[str, Table]) -> Table:
    """One row per thing to do; `tables` are those of the findings."""
    rows: Table = {}

    def advise(creator_id: UUID, kind: str, action: str, column: str, key: Any, **facts: Any) -> None:
        named = {name: key if name == column else None for name in ("student_id", "video_id", "quiz_id", "question_id")}
        rows[creator_id, kind, str(key)] = {**named, "action": action, **facts}

    for (student_id,), row in tables["student_engagement_tiers"].items():
        if row["tier"] in STATUS and row["lifecycle_stage"] != "completed":
            since = (students[student_id].last_active_at or row["joined_at"]) + timedelta(days=7)
            about = {"about": row["name"], "reason": row["tier_reason"], "since_at": since}
            advise(row["creator_id"], "check_in", "Check in with the student", "student_id", student_id, **about)
    for creator_id in moment.zones.history:
        for place, student in enumerate(_best(moment, creator_id, students), start=1):
            said = f"Place {place} by points among the engaged students: {student.row['xp_points']:,} points"
            about = {"about": student.row["name"], "reason": said, "since_at": student.last_active_at}
            advise(creator_id, "offer_advanced", "Offer advanced content", "student_id", student.row["id"], **about)
    for (video_id,), row in tables["video_analytics"].items():
        if row["viewer_count"] >= 10 and 10 * row["completion_count"] < 3 * row["viewer_count"]:
            said = f"{row['completion_count']:,} of {row['viewer_count']:,} viewers finished the video, under 30%"
            about = {"about": row["title"], "reason": said, "since_at": row["last_viewed_at"]}
            advise(row["creator_id"], "review_video", "Review the video or split it", "video_id", video_id, **about)
    for (quiz_id,), row in tables["quiz_analytics"].items():
        if row["is_struggling"]:
            failed = sum(
                not deed.row["passed"] for deed in moment.deeds if deed.row.get("quiz_id") == quiz_id and deed.student_id in students
            )
            said = f"{failed:,} of {row['attempt_count']:,} attempts failed, over 50%"
            about = {"about": row["title"], "reason": said, "since_at": row["last_attempted_at"]}
            advise(row["creator_id"], "revise_quiz", "Revise the quiz", "quiz_id", quiz_id, **about)
    for (creator_id, question_id), row in tables["top_questions"].items():
        if row["is_content_gap"]:
            about = {"about": row["question"], "reason": _why_a_gap(row), "since_at": row["last_asked_at"]}
            advise(creator_id, "close_gap", "Answer it in an FAQ or a video", "question_id", question_id, **about)
    return rows


def _why_a_gap(row: dict[str, Any]) -> str:
    if row["student_count"] >= 5:
        return f"{row['student_count']:,} students asked it in 90 days"
    return f"Asked {row['ask_30d_count']:,} times in 30 days, {row['positive_count']:,} of {row['rated_count']:,} ratings positive"


def _best(moment: Moment, creator_id: UUID, students: dict[UUID, Student]) -> list[Student]:
    """The ten engaged students with the most points."""
    engaged = [
        student
        for student in students.values()
        if student.row["creator_id"] == creator_id and tier_of(student, moment.as_of) in ("engaged", "highly_engaged")
    ]
    return sorted(engaged, key=lambda student: (-student.row["xp_points"], student.row["id"]))[:10]
