"""What to do next: recommendations with their because. One line for each video, quiz and question, one for all students of a kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from reports.reading import Reading
from reports.wording import clean, say_count, say_many, sentence

_SHOWN = 4
_NAMED = 3
# kind in the mart, in the order of the page; what the line says of students is put together here
_KINDS = ("revise_quiz", "review_video", "close_gap", "check_in", "offer_advanced")
_STUDENTS = {
    "check_in": ("Check in with", "quiet for 7 days or more, and not done with the course"),
    "offer_advanced": ("Offer advanced content to", "at the top by points among the engaged"),
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
    left_out = 0
    for kind in _KINDS:
        found = table.filter(pc.equal(table["recommendation"], kind))
        if not found.num_rows:
            continue
        if kind in _STUDENTS:
            listed.append(_students(kind, found.num_rows, found.slice(0, _NAMED).to_pylist()))
        else:
            listed += [_single(row) for row in found.slice(0, _SHOWN).to_pylist()]
            left_out += max(0, found.num_rows - _SHOWN)
    return AllAdvice(listed, f"And {say_count(left_out)} more of these." if left_out else None, None)


def _single(row: Mapping[str, Any]) -> Advice:
    return Advice(sentence(row["action"]), [clean(row["about"]) or "Untitled"], "", sentence(clean(row["reason"], 280)))


def _students(kind: str, count: int, first: Sequence[Mapping[str, Any]]) -> Advice:
    verb, because = _STUDENTS[kind]
    names = [clean(row["about"], 60) or "an unnamed student" for row in first]
    others = f" and {say_many(count - len(first), 'other')}" if count > len(first) else ""
    return Advice(f"{verb} {say_many(count, 'student')}", names, others, f"{'They are' if count > 1 else 'The student is'} {because}.")
