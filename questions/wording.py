"""Wordings: the form that does not part questions, and whether a text is a question at all.

Belongs here: `normalised`, which says the same as the macro `normalised_wording` of dbt_project, and the rule of courtesies. Does not: meaning (grouping).
"""

import unicodedata
from functools import cache
from importlib.resources import files

_WITHOUT_WIDTH = {0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFE0F, 0xFEFF}
_APOSTROPHES = {ord("'"), ord("`"), 0x2018, 0x2019, 0x2BC}
_MARKS = {0x85, 0xA0, 0xA1, 0xAB, 0xB7, 0xBB, 0xBF, 0x60C, 0x61B, 0x61F, 0x6D4, *range(0x2000, 0x2070), *range(0x3000, 0x3040)}
_BREAKS = _MARKS | {ord(sign) for sign in '!"(),.:;?[]{}_- \t\n\v\f\r'}

_MOST_WORDS = 8
"""A longer text says more than a courtesy, whatever its words."""


def normalised(text: str) -> str:
    """Without what does not part questions: case, forms of letters, apostrophes, marks without width, sentence punctuation, white space."""
    kept = []
    for sign in unicodedata.normalize("NFKC", text):
        code = ord(sign)
        if code not in _WITHOUT_WIDTH and code not in _APOSTROPHES:
            kept.append(" " if code in _BREAKS else sign.lower()[0])  # one character stays one: the dotted capital I of Turkish
    return " ".join(word for word in "".join(kept).split(" ") if word)


@cache
def _courtesies() -> frozenset[tuple[str, ...]]:
    lines = files("questions").joinpath("data/courtesies.txt").read_text("utf-8").splitlines()
    return frozenset(tuple(normalised(line).split()) for line in lines if line and not line.startswith("#"))


def is_question(text: str) -> bool:
    """Whether a text asks or says anything: not when it has no letter or digit, or is made of greetings, thanks and answers only."""
    words = [word for word in normalised(text).split() if any(map(str.isalnum, word))]  # an emoji asks nothing
    return len(words) > _MOST_WORDS or (bool(words) and not _is_courtesy(words))


def _is_courtesy(words: list[str]) -> bool:
    """Whether the words can be cut into courtesies without a rest."""
    reached = {0}
    for end in range(1, len(words) + 1):
        if any(tuple(words[begin:end]) in _courtesies() for begin in reached):
            reached.add(end)
    return len(words) in reached
