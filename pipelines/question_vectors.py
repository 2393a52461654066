"""Vectors of questions as they are kept: made once per question, recipe and version of the models, in pieces, and read back for one creator.

Belongs here: which recipe the settings mean, `raw.question_vectors`. Does not: the models (questions.models), which group a question has (question_groups).

A vector is made of the masked text: what is personal in it says nothing about what is asked.
"""

import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

import psycopg

from pipelines import heap, warehouse
from pipelines.model_process import Encoder
from pipelines.problem import UsageProblem
from pipelines.settings import Settings
from questions.wording import normalised

if TYPE_CHECKING:
    from questions.grouping import Recipe

Say = Callable[[str], None]

_AT_ONCE = 256
"""Vectors made between two commits: a run that is killed has those it made."""
_QUIET_SECONDS = 10
"""Work that takes longer says how far it is."""
_ROWS_AT_ONCE = 2048
"""Vectors read back at once."""
_KIND = "<f2"
WORDING = "wording"
"""The recipe without models: each normalised wording is a question of its own."""


def recipe(settings: Settings, say: Say) -> "Recipe | None":
    """The recipe of the settings by which hours place questions, None for the wording alone; a `UsageProblem` when its models are not installed. Says which it is."""
    wanted = settings.question_grouping
    if wanted == WORDING:
        return None
    heap.give_back()
    from questions.grouping import MEANING
    from questions.texts import recipe_for

    try:
        found = recipe_for(0, wanted or ("meaning" if MEANING.is_installed else "letters"))
    except ValueError as error:
        raise UsageProblem(f"QUESTION_GROUPING: {error}, or choose letters.") from None
    hint = "; `pip install creator-reports[meaning]` brings a sentence model" if found.name == "letters" and wanted is None else ""
    say(f"questions are grouped by the recipe {found.name} ({found.version}){hint}")
    return found


def night_recipe(settings: Settings, hourly: "Recipe | None", count: int) -> "Recipe | None":
    """The recipe by which a night groups a creator's `count` questions: the careful one where they are few, unless the settings say otherwise."""
    from questions.grouping import CAREFUL
    from questions.texts import CAREFUL_MOST

    is_wanted = settings.question_grouping is None and settings.question_careful_texts > 0
    return CAREFUL if is_wanted and count <= CAREFUL_MOST and CAREFUL.is_installed else hourly


@cache
def version(recipe: "Recipe | None") -> str:
    """What is kept with a group: the recipe and the versions of its models."""
    return f"{recipe.name}: {recipe.version}" if recipe else WORDING


def make(
    settings: Settings, run: warehouse.Run, recipe: "Recipe | None", ids: Iterable[str], encoder: Encoder, say: Say, most: int | None = None
) -> tuple[int, int]:
    """Make the vectors of this recipe that these questions lack, `most` of them at most; how many were made, and how many are lacking still."""
    if recipe is None:
        return 0, 0
    with warehouse.connect(settings) as connection:
        lacking = connection.execute(
            """select w.question_id, min(w.masked collate "C") from raw.question_wordings w
               where w.question_id = any(%s) and not exists (
                   select from raw.question_vectors v where v.question_id = w.question_id and v.version = %s)
               group by 1 order by 1""",
            (list(ids), version(recipe)),
        ).fetchall()
    rows, said = lacking[:most], time.monotonic()
    parts = [rows[begin : begin + _AT_ONCE] for begin in range(0, len(rows), _AT_ONCE)]
    texts = ([normalised(text) for _, text in part] for part in parts)
    for number, (part, vectors) in enumerate(zip(parts, encoder.encode_each(recipe, texts), strict=True), start=1):
        with warehouse.owned_transaction(settings, run) as connection:
            connection.cursor().executemany(
                "insert into raw.question_vectors values (%s, %s, %s) on conflict do nothing",
                [(question, version(recipe), row.tobytes()) for (question, _), row in zip(part, vectors.astype(_KIND), strict=True)],
            )
        if time.monotonic() - said > _QUIET_SECONDS:
            say(f"{min(number * _AT_ONCE, len(rows)):,} of {len(rows):,} questions read ({recipe.name})")
            said = time.monotonic()
    return len(rows), len(lacking) - len(rows)


def drop_others(connection: psycopg.Connection, recipes: "Iterable[Recipe | None]") -> None:
    """Drop the vectors of other recipes, and of other versions of these."""
    connection.execute("delete from raw.question_vectors where version <> all(%s)", ([version(recipe) for recipe in recipes],))


def load(connection: psycopg.Connection, recipe: "Recipe", ids: Iterable[str]) -> tuple[list[str], Any]:
    """Those of the questions that have a vector of this recipe, in order of their ids, and their vectors, centred."""
    import numpy as np

    from questions.grouping import centred

    wanted = list(ids)
    found, vectors = [], np.empty((len(wanted), recipe.size), np.float32)
    with connection.cursor("vectors", binary=True) as rows:  # some at a time: all of a creator's at once would be half as much again
        rows.itersize = _ROWS_AT_ONCE
        rows.execute(
            'select question_id, vector from raw.question_vectors where question_id = any(%s) and version = %s order by question_id collate "C"',
            (wanted, version(recipe)),
        )
        for place, (question, vector) in enumerate(rows):
            found.append(question)
            vectors[place] = np.frombuffer(vector, _KIND)
    return found, centred(recipe, vectors[: len(found)])


def clusters(connection: psycopg.Connection, recipe: "Recipe | None", ids: Iterable[str]) -> list[list[str]]:
    """The questions in groups, named by nothing yet."""
    ids = sorted(ids)
    if recipe is None:
        return [[question] for question in ids]
    from questions.grouping import group

    there, rows = load(connection, recipe, ids)
    found: dict[int, list[str]] = {}
    for question, place in zip(there, group(rows, recipe.threshold), strict=True):
        found.setdefault(place, []).append(question)
    return [*found.values(), *([question] for question in sorted(set(ids).difference(there)))]
