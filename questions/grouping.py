"""Groups of vectors: what makes two texts alike, and how alike is alike enough.

Belongs here: recipes (which models, which threshold), centred vectors, groups, the place of a new text. Does not: making vectors (models), joining (linkage).

Similarity is the cosine after the mean of the set is taken away: among questions about one subject the subject itself says nothing, and one threshold then
fits a creator with one subject and one with twenty. The mean of few texts is drawn towards that of questions at large.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from threadpoolctl import ThreadpoolController

from questions.linkage import joined
from questions.models import E5, FEW_NGRAMS, MINILM, NGRAMS, Model, Say, Vectors

_PRIOR = 50
"""The mean at large weighs as much as so many texts."""
_SHARED_LEAST = 100
"""Texts from which on the direction that they share is taken away too; in fewer it can be what they ask."""
_BLOCK = 256
"""Texts at a time: products of all at once would be a second copy of them."""


# Products of a creator's few hundred vectors are so small that threads cost more than they bring: five times as much processor on a busy machine.
_on_one_thread = ThreadpoolController().wrap(limits=1, user_api="blas")


@dataclass(frozen=True)
class Recipe:
    """How texts are grouped: models with the weight of each, and the similarity from which two groups are one."""

    name: str
    parts: tuple[tuple[Model, float], ...]
    threshold: float

    @property
    def is_installed(self) -> bool:
        """Whether the wheels of all models are here."""
        return all(model.is_installed for model, _ in self.parts)

    @property
    def version(self) -> str:
        """Names and versions of the models: vectors of another version are made anew."""
        return " + ".join(model.version for model, _ in self.parts)

    @property
    def size(self) -> int:
        """Numbers of a vector."""
        return sum(model.size for model, _ in self.parts)

    def encode(self, texts: Sequence[str], say: Say = lambda done, of: None) -> Vectors:
        """One row per text: the vectors of all models side by side."""
        return np.concatenate([model.encode(texts, say) for model, _ in self.parts], axis=1)


CAREFUL = Recipe("careful", ((MINILM, 0.4), (E5, 0.6)), 0.23)
"""Two models that err differently; e5 knows a hundred languages and takes 30 ms a text."""
MEANING = Recipe("meaning", ((MINILM, 0.9), (FEW_NGRAMS, 0.1)), 0.26)
"""The fast one: 3 ms a text."""
LETTERS = Recipe("letters", ((NGRAMS, 1.0),), 0.22)
"""What is left without a model."""
RECIPES = {recipe.name: recipe for recipe in (CAREFUL, MEANING, LETTERS)}


@cache
def _means_at_large() -> dict[str, Vectors]:
    with files("questions").joinpath("data/means.npz").open("rb") as file:
        return {name: row.astype(np.float32) for name, row in np.load(file).items()}


@_on_one_thread
def centred(recipe: Recipe, vectors: Vectors) -> Vectors:
    """The rows (float32) of length 1 whose products are the similarity within this set. In place: a creator's vectors are many."""
    begin = 0
    for model, weight in recipe.parts:
        part = vectors[:, begin : begin + model.size]
        begin += model.size
        usual = _means_at_large().get(model.name, np.zeros(model.size, np.float32))
        part -= (part.sum(0) + _PRIOR * usual) / (len(part) + _PRIOR)
        _make_unit(part)
        if len(part) >= _SHARED_LEAST:
            direction = _shared_direction(part)
            for first in range(0, len(part), _BLOCK):
                block = part[first : first + _BLOCK]
                block -= np.outer(block @ direction, direction)
            _make_unit(part)
        part *= np.float32(np.sqrt(weight))
    return vectors


def _make_unit(rows: Vectors) -> None:
    """As `models.unit`, in place."""
    rows /= np.maximum(np.sqrt(np.einsum("ij,ij->i", rows, rows)), np.float32(1e-9))[:, None]


def _shared_direction(rows: Vectors) -> Vectors:
    """The direction in which the texts differ most, of length 1: how they are written, more than what they ask."""
    _, directions = np.linalg.eigh((rows.T @ rows).astype(np.float64))
    return directions[:, -1].astype(np.float32)


@_on_one_thread
def group(rows: Vectors, threshold: float) -> list[int]:
    """The group of each row, named by the place of its first row: the most similar groups become one until none are `threshold` alike. Uses `rows` up."""
    return joined(rows, threshold)


@_on_one_thread
def placed(rows: Vectors, groups: Sequence[str | None], threshold: float) -> list[int | str]:
    """Where rows without a group belong: the name of the nearest group that is `threshold` alike, else a number that rows of one new group share.

    Uses `rows` up.
    """
    known = sorted({name for name in groups if name is not None})
    number = {name: place for place, name in enumerate(known)}
    means = np.zeros((len(known), rows.shape[1]), np.float32)
    counts = np.zeros(len(known), np.float32)
    for place, name in enumerate(groups):
        if name is not None:
            means[number[name]] += rows[place]
            counts[number[name]] += 1
    means /= np.maximum(counts, 1)[:, None]
    found: list[int | str] = []
    fresh = [place for place, name in enumerate(groups) if name is None]
    left = []
    for begin in range(0, len(fresh), _BLOCK):
        places = fresh[begin : begin + _BLOCK]
        near = rows[places] @ means.T if known else np.full((len(places), 1), -1, np.float32)
        for place, best, value in zip(places, near.argmax(1).tolist(), near.max(1).tolist(), strict=True):
            if value >= threshold:
                found.append(known[best])
            else:
                left.append(place)
                found.append(len(left) - 1)
    places = joined(rows if len(left) == len(rows) else rows[left], threshold)
    return [places[name] if isinstance(name, int) else name for name in found]
