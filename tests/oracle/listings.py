"""The row-level tables, which nightly runs alone refresh: attempts, progress, messages, each with the names that it shows.

Belongs here: quiz_results, progress, chat_transcript. Does not: anything that is counted.
"""

from typing import Any

from tests.oracle.moment import Moment
from tests.oracle.numbers import rate
from tests.oracle.quizzes import finished_attempts

Rows = dict[tuple, dict[str, Any]]
RATINGS = {"positive", "negative"}
"""Any other word of the source is no rating."""


def _who(moment: Moment, student_id: Any) -> dict[str, Any]:
    student = moment.students[student_id]
    return {"student_name": student["name"], "student_email": student["email"]}


def quiz_results(moment: Moment) -> Rows:
    """One row per attempt."""
    return {
        (deed.row["id"],): {
            **{name: deed.row[name] for name in ("student_id", "quiz_id", "score", "time_taken_seconds", "completed_at")},
            **_who(moment, deed.student_id),
            "creator_id": deed.creator_id,
            "quiz_title": moment.mirror.rows["quizzes"][deed.row["quiz_id"],]["title"],
            "is_passed": deed.row["passed"],
        }
        for deed in finished_attempts(moment)
    }


def progress(moment: Moment) -> Rows:
    """One row per student and video watched."""
    rows = {}
    for (student_id, video_id), gain in moment.standing.items():
        if gain.is_watched:
            video = moment.videos[video_id]
            course = moment.mirror.rows["courses"].get((video["course_id"],))
            rows[student_id, video_id] = {
                **_who(moment, student_id),
                "creator_id": video["creator_id"],
                "video_title": video["title"],
                "course_id": video["course_id"],
                "course_title": course and course["title"],
                "watch_seconds": gain.watch_seconds,
                "completion_rate": rate(gain.completion_percentage, 100),
                "is_completed": gain.is_completed,
                "last_position_seconds": gain.last_position_seconds,
                "last_watched_at": gain.observed_at,
            }
    return rows


def chat_transcript(moment: Moment) -> Rows:
    """One row per message."""
    return {
        (message["id"],): {
            **{name: session[name] for name in ("creator_id", "student_id")},
            **_who(moment, session["student_id"]),
            "session_id": session["id"],
            "session_title": session["title"],
            "role": message["role"],
            "content": message["content"],
            "feedback": message["feedback"] if message["role"] == "assistant" and message["feedback"] in RATINGS else None,
            "sent_at": message["created_at"],
        }
        for session, messages in moment.conversations.values()
        if session["student_id"] in moment.students
        for message in messages
    }
