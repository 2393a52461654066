"""Questions for the bench: those of a file, then made-up ones until there are enough; and how often each is asked.

Belongs here: texts, numbers of asks. Does not: measuring (bench_questions).

A made-up question is an opening, something to do with a thing, and perhaps a circumstance and a slip of the keys: some 48 doings by 60 things are what is
asked, the rest is wording, so that a meaning has about ten wordings, as in the sets that the thresholds were chosen on.
"""

import random
from collections.abc import Sequence

_OPENINGS = (
    "how do i", "How can I", "is there a way to", "what is the best way to", "Can you explain how to", "i don't understand how to", "where do I go to",
    "Do I have to", "when should i", "why can't I", "what happens if I", "is it possible to", "any tips to", "please help me", "hi, can i", "which lesson shows how to",
    "I tried to", "whats the trick to", "Does anyone know how to", "am I supposed to", "how long does it take to", "is it ok to", "could you show us how to",
    "what do I need to",
)  # fmt: skip
_DOINGS = (
    "reset", "download", "export", "share", "rename", "delete", "print", "sort", "compare", "repair", "install", "update", "translate", "measure", "draw", "paint",
    "record", "mix", "mute", "cut", "crop", "sharpen", "resize", "upload", "back up", "restore", "test", "debug", "refactor", "deploy", "cancel", "renew", "pay for",
    "get a refund for", "grade", "submit", "repeat", "skip", "bookmark", "find", "replace", "merge", "split", "encrypt", "calibrate", "tune", "clean", "store",
)  # fmt: skip
_THINGS = (
    "my portfolio", "the certificate", "the second quiz", "a spreadsheet", "the subtitles", "a guitar string", "the camera sensor", "a watercolour", "the sourdough",
    "an invoice", "my membership", "the final project", "a python package", "the virtual environment", "a csv file", "the database table", "a pivot table", "an axis",
    "a docker image", "the api key", "a password", "my profile picture", "the practice files", "a color palette", "the tripod", "a portrait", "the raw files", "a preset",
    "the audio track", "a podcast episode", "the drum loop", "a chord progression", "the knitting pattern", "a buttonhole", "the zipper", "a bread recipe", "the oven",
    "a yoga pose", "my running plan", "the heart rate monitor", "a business plan", "the landing page", "an email campaign", "the ad budget", "a contract", "the tax form",
    "a garden bed", "the compost", "a bicycle chain", "the brakes", "a chess opening", "the endgame", "a french verb", "the subjunctive", "my accent", "a short story",
    "the first chapter", "a 3d model", "the render settings", "a game level",
)  # fmt: skip
_CIRCUMSTANCES = (
    "", "", "", "", " on my phone", " on a mac", " in windows 11", " without losing my work", " before the deadline", " after lesson 4", " in the trial", " offline",
    " for a friend", " with a small budget", " as a beginner", " when the app crashes", " again", " in the browser", " from last week", " at work",
)  # fmt: skip
_ENDS = ("", "", "?", "?", "??", " please", ".", " thanks")


def texts(count: int, given: Sequence[str], seed: int = 1) -> tuple[list[str], int]:
    """`count` texts of different normalised wording, in random order: the given ones first, as far as there are; and how many of them are made up."""
    from questions.wording import is_question, normalised

    dice = random.Random(seed)  # noqa: S311 # made-up rows, no secrets
    found = {normalised(text): text for text in given if len(text) > 10 and is_question(text)}
    kept = dict(dice.sample(sorted(found.items()), min(count, len(found))))
    given_count = len(kept)
    while len(kept) < count:
        text = _made_up(dice)
        kept.setdefault(normalised(text), text)
    order = list(kept.values())
    dice.shuffle(order)
    return order, count - given_count


def _made_up(dice: random.Random) -> str:
    text = f"{dice.choice(_OPENINGS)} {dice.choice(_DOINGS)} {dice.choice(_THINGS)}{dice.choice(_CIRCUMSTANCES)}{dice.choice(_ENDS)}"
    if dice.random() < 0.15:
        place = dice.randrange(1, len(text) - 1)
        text = text[:place] + text[place + 1 :]
    return text


def asks(texts: Sequence[str], count: int, seed: int = 1) -> list[str]:
    """`count` asks of these texts: each once, the others by Zipf's law."""
    dice = random.Random(seed)  # noqa: S311 # made-up rows, no secrets
    more = dice.choices(texts, [1 / rank for rank in range(1, len(texts) + 1)], k=count - len(texts))
    return [*texts, *more]
