"""Quizzes, and questions of quizzes, that are too hard."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from reports.reading import Reading
from reports.wording import clean, say_count, say_many, say_rate

_SHOWN = 5
_ENOUGH_ANSWERS = 5  # of fewer a share says little; as many as make a quiz a struggling one
_HARD = 0.5


@dataclass(frozen=True)
class Line:
    """A quiz or a question: `figure` of `what`, and how many stand behind it."""

    title: str
    figure: str
    what: str
    note: str


@dataclass(frozen=True)
class Quizzes:
    """`summary` is about all quizzes; `none_hard` stands where no quiz is too hard, `empty` speaks for the section."""

    summary: str | None
    hard: list[Line]
    none_hard: str | None
    questions: list[Line]
    empty: str | None


def build(reading: Reading) -> Quizzes:
    """The section from `quiz_analytics` and `quiz_question_analytics`."""
    table = reading.table("quiz_analytics")
    if table is None:
        return Quizzes(None, [], None, [], reading.absence("quiz_analytics", "the quizzes", "No quizzes yet."))
    attempts = pc.sum(table["attempt_count"]).as_py() or 0
    if not attempts:
        return Quizzes(None, [], None, [], f"{say_many(table.num_rows, 'quiz', 'quizzes')}, not tried yet.")
    hard = table.filter(pc.fill_null(table["is_struggling"], False))
    hard = hard.sort_by([("fail_rate", "descending"), ("attempt_count", "descending"), ("quiz_id", "ascending")])
    rate = reading.overview["quiz_pass_rate"] if reading.overview else None
    passed = f", {say_rate(rate)} of them passed" if rate is not None else ""
    titles = dict(zip(table["quiz_id"].to_pylist(), table["title"].to_pylist(), strict=True))
    return Quizzes(
        summary=f"{say_many(attempts, 'attempt')} at {say_many(table.num_rows, 'quiz', 'quizzes')} so far{passed}.",
        hard=[_quiz(row) for row in hard.slice(0, _SHOWN).to_pylist()],
        none_hard=None if hard.num_rows else "No quiz is failed more often than passed.",
        questions=_questions(reading, titles),
        empty=None,
    )


def _quiz(row: Mapping[str, Any]) -> Line:
    students = say_many(row["student_count"], "student")
    return Line(
        clean(row["title"]) or "Untitled quiz", say_rate(row["fail_rate"]), "fail",
        f"{say_many(row['attempt_count'], 'attempt')} by {students} · mean score {say_count(row['avg_score'])} of 100, {say_count(row['passing_score'])} needed",
    )  # fmt: skip


def _questions(reading: Reading, titles: Mapping[str, str | None]) -> list[Line]:
    table = reading.table("quiz_question_analytics")
    if table is None:
        return []
    is_hard = pc.and_(pc.greater(table["wrong_rate"], _HARD), pc.greater_equal(table["answer_count"], _ENOUGH_ANSWERS))
    keys = [("wrong_rate", "descending"), ("answer_count", "descending"), ("quiz_id", "ascending"), ("question_no", "ascending")]
    hard = table.filter(pc.fill_null(is_hard, False)).sort_by(keys).slice(0, _SHOWN)
    return [
        Line(
            clean(row["question"], 200) or f"Question {row['question_no']}", say_rate(row["wrong_rate"]), "wrong",
            f"{say_many(row['answer_count'], 'answer')} · {clean(titles.get(row['quiz_id']), 80) or 'untitled quiz'}",
        )
        for row in hard.to_pylist()
    ]  # fmt: skip
