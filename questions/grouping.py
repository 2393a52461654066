"""Groups of vectors: average linkage over the nearest neighbours, without a matrix of all pairs.

Belongs here: recipes (which models, which threshold), centred vectors, groups, the place of a new text. Does not: making vectors (models).

Similarity is the cosine after the mean of the set is taken away: among questions about one subject the subject itself says nothing, and one threshold then
fits a creator with one subject and one with twenty. The mean of few texts is drawn towards that of questions at large. The similarity of two groups is the
mean over their pairs, which is the product of their mean vectors.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from questions.models import E5, MINILM, NGRAMS, Model, Say, Vectors, unit

_PRIOR = 50
"""The mean at large weighs as much as so many texts."""
_SHARED_LEAST = 100
"""Texts from which on the direction that they share is taken away too; in fewer it can be what they ask."""
_NEIGHBOURS = 48
"""Neighbours of a text that may join its group at first; groups have the neighbours of all their texts."""
_BLOCK = 512
"""Texts compared with all others at a time."""
_MARGIN = 0.12
"""Pairs so far under the threshold are remembered: a group's mean may still rise above it."""


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

    def encode(self, texts: Sequence[str], say: Say = lambda done, of: None) -> Vectors:
        """One row per text: the vectors of all models side by side."""
        return np.concatenate([model.encode(texts, say) for model, _ in self.parts], axis=1)


CAREFUL = Recipe("careful", ((MINILM, 0.4), (E5, 0.6)), 0.23)
"""Two models that err differently; e5 knows a hundred languages and takes 30 ms a text."""
MEANING = Recipe("meaning", ((MINILM, 0.9), (NGRAMS, 0.1)), 0.26)
"""The fast one: 3 ms a text."""
LETTERS = Recipe("letters", ((NGRAMS, 1.0),), 0.22)
"""What is left without a model."""
RECIPES = {recipe.name: recipe for recipe in (CAREFUL, MEANING, LETTERS)}


@cache
def _means_at_large() -> dict[str, Vectors]:
    with files("questions").joinpath("data/means.npz").open("rb") as file:
        return {name: row.astype(np.float32) for name, row in np.load(file).items()}


def centred(recipe: Recipe, vectors: Vectors) -> Vectors:
    """Rows of length 1 whose products are the similarity within this set."""
    found, begin = [], 0
    for model, weight in recipe.parts:
        part = vectors[:, begin : begin + model.size]
        begin += model.size
        usual = _means_at_large().get(model.name, np.zeros(model.size, np.float32))
        mean = (part.sum(0) + _PRIOR * usual) / (len(part) + _PRIOR)
        part = unit(part - mean)
        if len(part) >= _SHARED_LEAST:
            direction = _shared_direction(part)
            part = unit(part - np.outer(part @ direction, direction))
        found.append(part * np.float32(np.sqrt(weight)))
    return np.concatenate(found, axis=1)


def _shared_direction(rows: Vectors) -> Vectors:
    """The direction in which the texts differ most, of length 1: how they are written, more than what they ask."""
    _, directions = np.linalg.eigh((rows.T @ rows).astype(np.float64))
    return directions[:, -1].astype(np.float32)


def neighbours(rows: Vectors, least: float) -> list[tuple[float, int, int]]:
    """The pairs (similarity, a, b), a < b, of each row with its nearest others, from `least` on."""
    pairs: dict[tuple[int, int], float] = {}
    for begin in range(0, len(rows), _BLOCK):
        near = rows[begin : begin + _BLOCK] @ rows.T
        near[np.arange(len(near)), np.arange(begin, begin + len(near))] = -1
        most = min(_NEIGHBOURS, len(rows) - 1)
        if most < 1:
            break
        places = (
            np.argpartition(near, -most, axis=1)[:, -most:] if most < near.shape[1] else np.tile(np.arange(near.shape[1]), (len(near), 1))
        )
        values = np.take_along_axis(near, places, axis=1)
        lines, columns = np.nonzero(values >= least)
        for a, b, value in zip((lines + begin).tolist(), places[lines, columns].tolist(), values[lines, columns].tolist(), strict=True):
            pairs[(a, b) if a < b else (b, a)] = value
    return [(value, a, b) for (a, b), value in pairs.items()]


def group(rows: Vectors, threshold: float) -> list[int]:
    """The group of each row, named by the place of its first row: the most similar groups become one until none are `threshold` alike.

    The order of rows matters only where similarities are equal to six digits.
    """
    sums, sizes, owner = rows.copy(), [1] * len(rows), list(range(len(rows)))
    versions, near = [0] * len(rows), [set[int]() for _ in rows]
    queue: list[tuple[float, int, int, int, int]] = []
    for value, a, b in neighbours(rows, threshold - _MARGIN):
        near[a].add(b)
        near[b].add(a)
        if value >= threshold:
            queue.append((-round(value, 6), a, b, 0, 0))
    heapq.heapify(queue)
    while queue:
        _, a, b, version_a, version_b = heapq.heappop(queue)
        if versions[a] != version_a or versions[b] != version_b:
            continue
        sums[a] += sums[b]
        sizes[a] += sizes[b]
        owner[b] = a
        versions[a], versions[b] = versions[a] + 1, -1
        others = sorted((near[a] | near[b]) - {a, b})
        near[a], near[b] = set(), set()
        values = (sums[others] @ sums[a]) / (np.array([sizes[other] for other in others]) * sizes[a]) if others else []
        for other, value in zip(others, np.round(values, 6).tolist(), strict=True):
            near[other].discard(a)
            near[other].discard(b)
            if value >= threshold - _MARGIN:
                near[a].add(other)
                near[other].add(a)
            if value >= threshold:
                first, second = (a, other) if a < other else (other, a)
                heapq.heappush(queue, (-value, first, second, versions[first], versions[second]))
    return [_root(owner, place) for place in range(len(rows))]


def _root(owner: list[int], place: int) -> int:
    while owner[place] != place:
        place = owner[place]
    return place


def placed(rows: Vectors, groups: Sequence[str | None], threshold: float) -> list[int | str]:
    """Where rows without a group belong: the name of the nearest group that is `threshold` alike, else a number that rows of one new group share."""
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
    near = rows[fresh] @ means.T if known else np.zeros((len(fresh), 0), np.float32)
    left = []
    for line, place in enumerate(fresh):
        best = int(near[line].argmax()) if known else -1
        if known and near[line, best] >= threshold:
            found.append(known[best])
        else:
            left.append(place)
            found.append(len(left) - 1)
    joined = group(rows[left], threshold)
    return [joined[name] if isinstance(name, int) else name for name in found]
