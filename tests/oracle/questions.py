"""What students asked, what the assistant answered, and how that was rated.

Belongs here: questions, answers, top_questions. Does not: counts of messages by day (days).
"""

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from tests.oracle.moment import Moment
from tests.oracle.numbers import rate
from tests.oracle.references import Reference, best_place, related_video

_WITHOUT_WIDTH = {0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2061), *range(0x2066, 0x206A), 0xFE0F, 0xFEFF}
_APOSTROPHES = {ord("'"), ord("`"), 0x2018, 0x2019, 0x2BC}
_ASCII_STOPS = {ord(sign) for sign in '!"(),.:;?[]{}_-'}
_STOPS = {0x85, 0xA0, 0xA1, 0xAB, 0xB7, 0xBB, 0xBF, 0x60C, 0x61B, 0x61F, 0x6D4, *range(0x2000, 0x2070), *range(0x3000, 0x3040)}
_SPACES = {ord(" "), *range(9, 14)}


def normalised(wording: str) -> str:
    """Case, forms of letters, apostrophes, marks without width, sentence punctuation and white space do not part questions."""
    kept = []
    for sign in unicodedata.normalize("NFKC", wording):
        code = ord(sign)
        if code in _WITHOUT_WIDTH or code in _APOSTROPHES:
            continue
        kept.append(" " if code in _STOPS | _ASCII_STOPS | _SPACES else _lower(sign))
    return " ".join(word for word in "".join(kept).split(" ") if word)


def _lower(sign: str) -> str:
    """One character stays one character: the dotted capital I of Turkish is an i."""
    return sign.lower()[0]


def question_id(wording: str) -> str:
    """md5 of the normalised wording; of the wording itself where nothing is left of it."""
    return hashlib.md5((normalised(wording) or wording).encode()).hexdigest()


@dataclass(frozen=True)
class Answer:
    """A message of the assistant after one of the student's, and the place in a video that it points at."""

    creator_id: UUID
    sent_at: datetime
    feedback: str | None
    place: Reference | None


@dataclass(frozen=True)
class Question:
    """A message of a student, longer than 10 characters, with the answers to it: all up to the student's next message."""

    creator_id: UUID
    student_id: UUID
    sent_at: datetime
    wording: str
    answers: list[Answer]

    @property
    def place(self) -> Reference | None:
        """What the question is about: the place that the first answer with one points at."""
        return next((answer.place for answer in self.answers if answer.place), None)


def asked_and_answered(moment: Moment) -> tuple[list[Question], list[Answer]]:
    """All questions and all answers so far, of students who have joined."""
    questions, answers = [], []
    for session, messages in moment.conversations.values():
        if session["student_id"] not in moment.students:
            continue
        to_last: list[Answer] | None = None
        for message in messages:
            if message["role"] == "user":
                to_last = []
                if len(message["content"]) > 10:
                    questions.append(
                        Question(session["creator_id"], session["student_id"], message["created_at"], message["content"], to_last)
                    )
            elif to_last is not None:
                answer = Answer(session["creator_id"], message["created_at"], message["feedback"], best_place(message["video_references"]))
                to_last.append(answer)
                answers.append(answer)
    return questions, answers


def satisfaction(answers: Iterator[Answer] | list[Answer]) -> Any:
    """Positive over positive and negative; None while nobody rated."""
    ratings = Counter(answer.feedback for answer in answers)
    return rate(ratings["positive"], ratings["positive"] + ratings["negative"])


def within(moment: Moment, thing: Question | Answer, days: int) -> bool:
    """Whether it was sent within the last `days` local days including today."""
    ago = moment.days_ago(thing.creator_id, thing.sent_at)
    return ago is not None and ago < days


def top_questions(moment: Moment, questions: list[Question]) -> dict[tuple, dict[str, Any]]:
    """One row per creator and question of the last 90 local days."""
    groups: dict[tuple, list[Question]] = defaultdict(list)
    for question in questions:
        if within(moment, question, 90):
            groups[question.creator_id, question_id(question.wording)].append(question)
    return {key: {"question_group": key[1], **_group(moment, group)} for key, group in groups.items()}


def _trend(week: int, usual: Fraction) -> str:
    """Of the asks in 7 days against the weekly mean of the three weeks before."""
    if week >= 3 and week >= 2 * usual:
        return "emerging"
    return "fading" if usual and week <= usual / 2 else "steady"


def _examples(order: list[str]) -> list[str] | None:
    """At most 3 other wordings, in the order of asks; wordings that differ in what `question_id` passes over are one. Nothing groups questions here, so they all are."""
    first = {question_id(wording): wording for wording in reversed(order)}
    others = [wording for wording in order[1:] if first[question_id(wording)] == wording]
    return others[:3] or None


def _group(moment: Moment, group: list[Question]) -> dict[str, Any]:
    wordings = Counter(question.wording for question in group)
    order = sorted(wordings, key=lambda wording: (-wordings[wording], len(wording), wording))
    answers = [answer for question in group for answer in question.answers]
    ratings = Counter(answer.feedback for answer in answers)
    students = {question.student_id for question in group}
    week, month, four_weeks = (sum(within(moment, question, days) for question in group) for days in (7, 30, 28))
    return {
        "question": order[0],
        "example_wordings": _examples(order),
        "ask_count": len(group),
        "student_count": len(students),
        "ask_7d_count": week,
        "ask_30d_count": month,
        "satisfaction_rate": satisfaction(answers),
        "positive_count": ratings["positive"],
        "rated_count": ratings["positive"] + ratings["negative"],
        "trend": _trend(week, Fraction(four_weeks - week, 3)),
        "is_content_gap": len(students) >= 5 or (month >= 5 and ratings["positive"] < ratings["negative"]),
        "first_asked_at": min(question.sent_at for question in group),
        "last_asked_at": max(question.sent_at for question in group),
        **related_video(moment, group[0].creator_id, [question.place for question in group]),
    }
