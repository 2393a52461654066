"""What to do next: recommendations with their because, within a kind what weighs most first.

One line for each video, quiz and question, one for all students of a kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports.reading import Reading
from reports.wording import clean, say_many, sentence

_SHOWN = 4
_NAMED = 3
# kind in the mart, in the order of the page; what the line says of students is put together here
_KINDS = ("revise_quiz", "review_video", "close_gap", "check_in", "offer_advanced")
_STUDENTS = {
    "check_in": (
        "Check in with",
        "quiet for 7 days or more, and not done with the course",
        "where the column tier says at_risk or inactive, and lifecycle_stage does not say completed",
    ),
    "offer_advanced": (
        "Offer advanced content to",
        "at the top by points among the engaged",
        "those with the most in the column xp_points",
    ),
}
# the mart that knows how much is at stake, its key, and what comes first; the mart of recommendations only knows what is newest
_WEIGHTS: Mapping[str, tuple[str, str, tuple[tuple[str, str], ...]]] = {
    "revise_quiz": ("quiz_analytics", "quiz_id", (("fail_rate", "descending"), ("attempt_count", "descending"))),
    "review_video": ("video_analytics", "video_id", (("viewer_count", "descending"), ("completion_rate", "ascending"))),
    "close_gap": ("top_questions", "question_id", (("student_count", "descending"), ("ask_count", "descending"))),
    "check_in": ("student_engagement_tiers", "student_id", (("has_slipped", "descending"), ("watch_seconds", "descending"))),
    "offer_advanced": ("student_engagement_tiers", "student_id", (("xp_points", "descending"),)),
}
# what is not listed: its name, and where it is; no file beside the page lists quizzes
_RESTS = {
    "revise_quiz": ("quiz", "quizzes", ""),
    "review_video": ("video", "videos", "in videos.csv, those with the lowest in the column completion_rate"),
    "close_gap": ("question", "questions", "in questions.csv, those whose column is_content_gap is true"),
}


@dataclass(frozen=True)
class Advice:
    """One thing to do: about what (`names`, and how many `others`), and why."""

    action: str
    names: list[str]
    others: str
    because: str


@dataclass(frozen=True)
class AllAdvice:
    """`rest` counts what is not listed; `empty` says why there is nothing."""

    advice: list[Advice]
    rest: str | None
    empty: str | None


def build(reading: Reading) -> AllAdvice:
    """The section from `recommendations`."""
    table = reading.table("recommendations")
    if table is None:
        return AllAdvice(
            [], None, reading.absence("recommendations", "the recommendations", "Nothing to recommend. All is well, or too new to say.")
        )
    listed: list[Advice] = []
    rests: list[str] = []
    for kind in _KINDS:
        found = table.filter(pc.equal(table["recommendation"], kind))
        if not found.num_rows:
            continue
        found = _by_weight(reading, kind, found)
        if kind in _STUDENTS:
            listed.append(_students(kind, found.num_rows, found.slice(0, _NAMED).to_pylist()))
            continue
        listed += [_single(row) for row in found.slice(0, _SHOWN).to_pylist()]
        if found.num_rows > _SHOWN:
            one, more, place = _RESTS[kind]
            rests.append(say_many(found.num_rows - _SHOWN, f"more {one}", f"more {more}") + (f" ({place})" if place else ""))
    return AllAdvice(listed, f"And {', '.join(rests)}." if rests else None, None)


def _by_weight(reading: Reading, kind: str, found: pa.Table) -> pa.Table:
    """What weighs most first; of equals, and where the mart that says so is not here, in the order of the recommendations."""
    mart, key, order = _WEIGHTS[kind]
    table = reading.table(mart)
    if table is None:
        return found
    place = pc.index_in(found[key], value_set=table[key].combine_chunks())
    for column, _ in order:
        found = found.append_column(f"weight_{column}", table[column].take(place))
    found = found.append_column("place", pa.array(range(found.num_rows)))
    return found.sort_by([*((f"weight_{column}", way) for column, way in order), ("place", "ascending")])


def _single(row: Mapping[str, Any]) -> Advice:
    return Advice(sentence(row["action"]), [clean(row["about"]) or "Untitled"], "", sentence(clean(row["reason"], 280)))


def _students(kind: str, count: int, first: Sequence[Mapping[str, Any]]) -> Advice:
    verb, because, place = _STUDENTS[kind]
    names = [clean(row["about"], 60) or "an unnamed student" for row in first]
    others = f" and {say_many(count - len(first), 'other')}" if count > len(first) else ""
    because = f"{'They are' if count > 1 else 'The student is'} {because}."
    return Advice(
        f"{verb} {say_many(count, 'student')}", names, others, f"{because} All are in students.csv, {place}." if others else because
    )
