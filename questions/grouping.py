"""Groups of vectors: average linkage over the nearest neighbours, without a matrix of all pairs.

Belongs here: recipes (which models, which threshold), centred vectors, groups, the place of a new text. Does not: making vectors (models).

Similarity is the cosine after the mean of the set is taken away: among questions about one subject the subject itself says nothing, and one threshold then
fits a creator with one subject and one with twenty. The mean of few texts is drawn towards that of questions at large. The similarity of two groups is the
mean over their pairs, which is the product of their mean vectors.

Over 200 lines: the linkage stands beside the recipes, whose thresholds mean nothing without it.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from threadpoolctl import ThreadpoolController

from questions.models import E5, FEW_NGRAMS, MINILM, NGRAMS, Model, Say, Vectors

_PRIOR = 50
"""The mean at large weighs as much as so many texts."""
_SHARED_LEAST = 100
"""Texts from which on the direction that they share is taken away too; in fewer it can be what they ask."""
_NEIGHBOURS = 48
"""Neighbours of a text that may join its group at first; groups have the neighbours of all their texts."""
_BLOCK = 256
"""Texts compared with all others at a time."""
_AT_ONCE = 65_536
"""Pairs that are Python objects at a time."""
_MARGIN = 0.12
"""Pairs so far under the threshold are remembered: a group's mean may still rise above it."""


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
    """Rows of length 1 whose products are the similarity within this set."""
    found, begin = np.empty(vectors.shape, np.float32), 0
    for model, weight in recipe.parts:
        part, given = (rows[:, begin : begin + model.size] for rows in (found, vectors))
        begin += model.size
        usual = _means_at_large().get(model.name, np.zeros(model.size, np.float32))
        np.subtract(given, (given.sum(0, dtype=np.float32) + _PRIOR * usual) / (len(given) + _PRIOR), out=part)
        _make_unit(part)
        if len(part) >= _SHARED_LEAST:
            direction = _shared_direction(part)
            for first in range(0, len(part), _BLOCK):
                block = part[first : first + _BLOCK]
                block -= np.outer(block @ direction, direction)
            _make_unit(part)
        part *= np.float32(np.sqrt(weight))
    return found


def _make_unit(rows: Vectors) -> None:
    """As `models.unit`, in place: a creator's vectors are many."""
    rows /= np.maximum(np.sqrt(np.einsum("ij,ij->i", rows, rows)), np.float32(1e-9))[:, None]


def _shared_direction(rows: Vectors) -> Vectors:
    """The direction in which the texts differ most, of length 1: how they are written, more than what they ask."""
    _, directions = np.linalg.eigh((rows.T @ rows).astype(np.float64))
    return directions[:, -1].astype(np.float32)


def neighbours(rows: Vectors, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of each row with its nearest others, from `least` on: arrays of a, b (a < b) and their similarity, each pair once."""
    count, most = len(rows), min(_NEIGHBOURS, len(rows) - 1)
    keys, found = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for begin in range(0, count if most > 0 else 0, _BLOCK):
        near = rows[begin : begin + _BLOCK] @ rows.T
        lines = np.arange(len(near))[:, None]
        near[lines[:, 0], lines[:, 0] + begin] = -1
        places = np.argpartition(near, -most, axis=1)[:, -most:] if most < count - 1 else np.arange(count)[None, :].repeat(len(near), 0)
        values = near[lines, places]
        line, column = np.nonzero(values >= least)
        a, b = line + begin, places[line, column]
        keys.append(np.minimum(a, b) * count + np.maximum(a, b))
        found.append(values[line, column])
    pairs, first = np.unique(np.concatenate(keys), return_index=True)
    return pairs // max(count, 1), pairs % max(count, 1), np.concatenate(found)[first]


@_on_one_thread
def group(rows: Vectors, threshold: float) -> list[int]:
    """The group of each row, named by the place of its first row: the most similar groups become one until none are `threshold` alike.

    The order of rows matters only where similarities are equal to six digits.
    """
    return _joined(rows.copy(), threshold)


def _joined(rows: Vectors, threshold: float) -> list[int]:
    """As `group`; uses `rows` up."""
    linkage = _Linkage(rows, threshold)
    while linkage.join_nearest():
        pass
    return [linkage.root(place) for place in range(len(rows))]


class _Linkage:
    """Groups on their way. Each is named by its first row; `near` has the similarity of each to those near it, `queue` each group's nearest."""

    def __init__(self, rows: Vectors, threshold: float) -> None:
        self.threshold, self.least = threshold, threshold - _MARGIN
        self.sums, self.sizes, self.owner = rows, [1] * len(rows), list(range(len(rows)))
        self.stamps = [0] * len(rows)
        self.near: list[dict[int, float]] = [{} for _ in rows]
        name = self.owner.copy()  # one object per number, however often it is named
        pairs = neighbours(rows, self.least)
        for begin in range(0, len(pairs[0]), _AT_ONCE):
            for a, b, value in zip(*(part[begin : begin + _AT_ONCE].tolist() for part in pairs), strict=True):
                self.near[a][name[b]] = self.near[b][name[a]] = value
        self.queue: list[tuple[float, int, int, int, int, float]] = []
        for place in name:
            self._queue_nearest(place)

    def join_nearest(self) -> bool:
        """Make the two most similar groups one; whether there were two that are alike enough."""
        while self.queue:
            _, a, b, whose, stamp, value = heapq.heappop(self.queue)
            if self.stamps[whose] != stamp:
                continue
            if self.near[whose].get(b if whose == a else a) == value:
                self._join(a, b)
                return True
            self._queue_nearest(whose)  # its nearest became part of another
        return False

    def _join(self, a: int, b: int) -> None:
        """`a` takes `b` in. The mean similarity to a third follows from those of both; where one is not known, from the sums."""
        near_a, near_b, size_a, size_b = self.near[a], self.near[b], self.sizes[a], self.sizes[b]
        del near_a[b], near_b[a]
        self.sums[a] += self.sums[b]
        self.sizes[a] = size = size_a + size_b
        self.owner[b], self.stamps[b] = a, -1
        self.stamps[a] += 1
        unknown = list(near_a.keys() ^ near_b.keys())
        near = {other: (value * size_a + near_b[other] * size_b) / size for other, value in near_a.items() if other in near_b}
        if unknown:
            sums = self.sums[unknown] @ self.sums[a]
            near |= {other: total / (self.sizes[other] * size) for other, total in zip(unknown, sums.tolist(), strict=True)}
        self.near[a], self.near[b] = {}, {}
        for other, value in near.items():
            others = self.near[other]
            others.pop(b, None)
            if value >= self.least:
                others[a] = self.near[a][other] = value
            else:
                others.pop(a, None)
        self._queue_nearest(a)

    def _queue_nearest(self, place: int) -> None:
        """Each pair is in the queue for one of its two groups at least: for the one that was made last, as long as it has no nearer one."""
        near = self.near[place]
        value = max(near.values(), default=-1.0)
        if value >= self.threshold:
            rounded = round(value, 6)
            other = min(other for other, of in near.items() if of >= rounded - 5e-7)
            first, second = (place, other) if place < other else (other, place)
            heapq.heappush(self.queue, (-rounded, first, second, place, self.stamps[place], near[other]))

    def root(self, place: int) -> int:
        """The name of the group that a row is in."""
        while self.owner[place] != place:
            place = self.owner[place]
        return place


@_on_one_thread
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
    joined = _joined(rows[left], threshold)
    return [joined[name] if isinstance(name, int) else name for name in found]
