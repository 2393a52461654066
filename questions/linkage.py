"""Average linkage over nearest neighbours: the two most similar groups become one, until none are alike enough. There is never a matrix of all pairs.

Belongs here: pairs that are near, groups on their way. Does not: what makes rows alike, recipes and their thresholds (grouping).

The similarity of two groups is the mean over their pairs, which is the product of their mean vectors.
"""

import heapq
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from questions.models import THREADS, Vectors

_NEIGHBOURS = 48
"""Neighbours of a text that may join its group at first; groups have the neighbours of all their texts."""
_BLOCK = 64
"""Texts compared with all others at a time."""
_FEW = 2048
"""Texts up to which one thread compares them: more cost more than they bring."""
_AT_ONCE = 65_536
"""Pairs that are Python objects at a time."""
_MARGIN = 0.12
"""Pairs so far under the threshold are remembered: a group's mean may still rise above it."""


def neighbours(rows: Vectors, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of each row with its nearest others, from `least` on: arrays of a, b (a < b) and their similarity, each pair once."""
    count = max(len(rows), 1)
    with ThreadPoolExecutor(THREADS if count > _FEW else 1) as threads:
        found = [*threads.map(lambda begin: _near(rows, begin, least), range(0, len(rows), _BLOCK))]
    pairs, first = np.unique(np.concatenate([keys for keys, _ in found] or [np.zeros(0, np.int64)]), return_index=True)
    values = np.concatenate([values for _, values in found] or [np.zeros(0, np.float32)])
    return pairs // count, pairs % count, values[first]


def _near(rows: Vectors, begin: int, least: float) -> tuple[np.ndarray, np.ndarray]:
    """The nearest of one block of rows: pairs as one number each, a * count + b, and their similarity."""
    near = rows[begin : begin + _BLOCK] @ rows.T
    places = np.arange(len(near))
    near[places, places + begin] = -1
    most = max(min(_NEIGHBOURS, len(rows) - 1), 1)
    bar = np.maximum(np.partition(near, -most, axis=1)[:, -most], least)[:, None]
    line, b = np.divmod(np.flatnonzero(near >= bar), len(rows))  # ten times as fast as `nonzero` of two dimensions
    a = line + begin
    return np.minimum(a, b) * len(rows) + np.maximum(a, b), near[line, b]


def joined(rows: Vectors, threshold: float) -> list[int]:
    """The group of each row, named by the place of its first row: the most similar groups become one until none are `threshold` alike.

    The rows are used up: they become the sums of groups. Their order matters only where similarities are equal to six digits.
    """
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
