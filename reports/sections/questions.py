"""What students ask: groups of questions asked at least twice, by the number of students who asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from json import loads
from typing import Any

import pyarrow.compute as pc

from reports.reading import Reading
from reports.wording import clean, say_count, say_many, say_position, say_rate

_SHOWN = 8
_ASKED_OFTEN = 2
_EXAMPLES = 2


@dataclass(frozen=True)
class Question:
    """One line of the list."""

    text: str
    also: list[str]
    asked: str
    students: str
    recent: str
    satisfaction: str | None
    video: str | None
    place: str | None
    trend: str | None


@dataclass(frozen=True)
class Questions:
    """`empty` says why there is no list; `rest` is a sentence about the questions that are not on it."""

    questions: list[Question]
    rest: str | None
    empty: str | None


def build(reading: Reading) -> Questions:
    """The section from `top_questions`."""
    table = reading.table("top_questions")
    if table is None:
        return Questions([], None, reading.absence("top_questions", "the questions", "No questions in the last 90 days."))
    often = table.filter(pc.greater_equal(table["ask_count"], _ASKED_OFTEN))
    often = often.sort_by([("student_count", "descending"), ("ask_count", "descending"), ("question_id", "ascending")])
    if not often.num_rows:
        return Questions([], None, f"No question was asked twice. {say_many(table.num_rows, 'question')} came up once.")
    rest = often.num_rows - _SHOWN
    shown = [_question(reading, row) for row in often.slice(0, _SHOWN).to_pylist()]
    return Questions(shown, f"And {say_count(rest)} more that were asked at least twice, in questions.csv." if rest > 0 else None, None)


def _question(reading: Reading, row: Mapping[str, Any]) -> Question:
    last_on = reading.say_local_day(row["last_asked_at"])
    helped = f"{say_rate(row['satisfaction_rate'])} of rated answers helped" if row["satisfaction_rate"] is not None else None
    return Question(
        text=clean(row["question"], 280) or "(a question without words)",
        also=[text for one in loads(row["example_wordings"] or "[]")[:_EXAMPLES] if (text := clean(one, 200))],
        asked=f"asked {say_count(row['ask_count'])} times",
        students=say_many(row["student_count"], "student"),
        recent=f"{say_count(row['ask_7d_count'])} in 7 days" if row["ask_7d_count"] else f"last on {last_on}",
        satisfaction=helped,
        video=clean(row["related_video_title"], 120) or None,
        place=f"at {say_position(row['related_video_second'])}" if row["related_video_second"] is not None else None,
        trend={"emerging": "asked more lately", "fading": "asked less lately"}.get(row["trend"] or ""),
    )
