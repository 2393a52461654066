"""How good groups are, against groups that are known. Belongs here: pairwise precision, recall and F1, adjusted mutual information. Does not: making groups."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log


@dataclass(frozen=True)
class Score:
    """Shares from 0 to 1: of pairs put together, how many belong together (precision); of those that do, how many were (recall); their harmonic mean; adjusted
    mutual information, 0 for chance (it can be slightly under) and 1 for the same groups."""

    precision: float
    recall: float
    f1: float
    information: float


def score(known: Sequence[Hashable], found: Sequence[Hashable]) -> Score:
    """The score of `found` against `known`, one entry per text in each. Without any pair to find or found, precision and recall are 1."""
    known_sizes, found_sizes, both = Counter(known), Counter(found), Counter(zip(known, found, strict=True))
    hits, wanted, made = (_pairs(counts) for counts in (both, known_sizes, found_sizes))
    precision, recall = hits / made if made else 1.0, hits / wanted if wanted else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Score(precision, recall, f1, _adjusted_information(known_sizes, found_sizes, both, len(known)))


def _pairs(counts: Counter) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())


def _adjusted_information(known: Counter, found: Counter, both: Counter, total: int) -> float:
    """Mutual information above that of chance, over the mean entropy above it."""
    if len(known) == len(found) == 1 or len(known) == len(found) == total:
        return 1.0
    information = sum(count / total * log(total * count / (known[a] * found[b])) for (a, b), count in both.items())
    chance = _chance(Counter(known.values()), Counter(found.values()), total)
    usual = (_entropy(known, total) + _entropy(found, total)) / 2
    return (information - chance) / (usual - chance) if abs(usual - chance) > 1e-12 else 0.0


def _entropy(counts: Counter, total: int) -> float:
    return -sum(count / total * log(count / total) for count in counts.values())


def _chance(known: Counter, found: Counter, total: int) -> float:
    """The mutual information to expect of groups of these sizes (size: how many groups have it) drawn at random."""
    logs = [lgamma(number + 1) for number in range(total + 1)]
    expected = 0.0
    for a, a_count in known.items():
        for b, b_count in found.items():
            fixed = logs[a] + logs[b] + logs[total - a] + logs[total - b] - logs[total]
            for hits in range(max(1, a + b - total), min(a, b) + 1):
                chance = exp(fixed - logs[hits] - logs[a - hits] - logs[b - hits] - logs[total - a - b + hits])
                expected += a_count * b_count * chance * hits / total * log(total * hits / (a * b))
    return expected
