"""What is known of quizzes and their questions from the attempts at them.

Belongs here: quiz_analytics, quiz_question_analytics, and which attempts count. Does not: quizzes of a creator together (overview).
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tests.oracle.mirror import Row
from tests.oracle.moment import QUIZ, Deed, Moment
from tests.oracle.numbers import mean, median, rate


def finished_attempts(moment: Moment) -> list[Deed]:
    """Attempts of students who have joined, at quizzes of their own creator."""
    return [deed for deed in moment.deeds if deed.kind == QUIZ and deed.student_id in moment.students]


def _by_quiz(moment: Moment) -> dict[UUID, list[Row]]:
    found: dict[UUID, list[Row]] = defaultdict(list)
    for deed in finished_attempts(moment):
        found[deed.row["quiz_id"]].append(deed.row)
    return found


def quiz_analytics(moment: Moment) -> dict[tuple, dict[str, Any]]:
    """One row per quiz."""
    attempts, rows = _by_quiz(moment), {}
    for quiz_id, quiz in moment.quizzes.items():
        tries = attempts[quiz_id]
        failed = sum(not row["passed"] for row in tries)
        rows[(quiz_id,)] = {
            **{name: quiz[name] for name in ("creator_id", "title", "passing_score")},
            "difficulty_level": quiz["difficulty"],
            "attempt_count": len(tries),
            "student_count": len({row["student_id"] for row in tries}),
            "avg_score": mean(sum(row["score"] for row in tries), len(tries)),
            "pass_rate": rate(len(tries) - failed, len(tries)),
            "fail_rate": rate(failed, len(tries)),
            "median_seconds": median([row["time_taken_seconds"] for row in tries if row["time_taken_seconds"] is not None]),
            "last_attempted_at": max((row["completed_at"] for row in tries), default=None),
            "is_struggling": len(tries) >= 5 and 2 * failed > len(tries),
        }
    return rows


def _said(value: Any) -> str | None:
    """A JSON value as text; None for null."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _named(question: Mapping[str, Any]) -> str | None:
    """The id by which answers name the question, if it has one that can be used."""
    name = question.get("id")
    if isinstance(name, bool) or not isinstance(name, str | int | float):
        return None
    said = _said(name) or ""
    return said if 1 <= len(said) <= 200 else None


def quiz_question_analytics(moment: Moment) -> dict[tuple, dict[str, Any]]:
    """One row per quiz and question that can be told from the others by its id."""
    attempts, rows = _by_quiz(moment), {}
    for quiz_id, quiz in moment.quizzes.items():
        for number, question in enumerate(quiz["questions"], start=1):
            name = _named(question)
            if name is None or (quiz_id, name) in rows:
                continue
            correct = _said(question.get("correct_answer"))
            given = [said for row in attempts[quiz_id] if (said := _said(row["answers"].get(name))) is not None]
            wrong = None if correct is None else sum(answer != correct for answer in given)
            rows[quiz_id, name] = {
                "creator_id": quiz["creator_id"],
                "question_no": number,
                "question": _said(question.get("question")),
                "answer_count": len(given),
                "wrong_count": wrong,
                "wrong_rate": None if wrong is None else rate(wrong, len(given)),
            }
    return rows
