"""A creator's page before the first student: what is missing, and what appears when, in place of sections that have nothing to say."""

from dataclasses import dataclass

from reports.reading import Reading
from reports.wording import say_many

_TELL = ("daily_activity", "revenue_overview", "top_questions", "student_engagement_tiers")
_COMING = (
    ("Who slipped", "Once a student has been quiet for 7 days."),
    ("What happened", "From the first student on, day by day: who joins, who learns, how long they watch and what they finish."),
    ("When students learn", "By weekday and hour of your clock, once they do."),
    ("Where students stand", "How many learn well, and how many slip, beside the week before."),
    ("Videos", "Once somebody has started one: how many finish it, and where the others leave."),
    ("Quizzes", "After the first attempts: how many pass, and which questions are too hard."),
    ("What students ask", "Once a question has come up twice."),
    ("Revenue", "With the first payment."),
    ("What to do next", "As soon as the numbers point to something."),
)


@dataclass(frozen=True)
class Start:
    """`ready` says what is there already or missing beside students; `coming` names each section and when it begins."""

    ready: str
    coming: tuple[tuple[str, str], ...]


def build(reading: Reading) -> Start | None:
    """None where there are students, or something that students who have left did."""
    row = reading.overview
    if row is None or row["student_count"] or any(reading.table(name) is not None for name in _TELL):
        return None
    videos, quizzes = row["video_count"], row["quiz_count"]
    there = [say_many(videos, "video")] if videos else []
    there += [say_many(quizzes, "quiz", "quizzes")] if quizzes else []
    ready = f"Ready for your first student: {' and '.join(there)}." if there else "Students are missing, and videos for them to watch."
    return Start(ready, _COMING)
