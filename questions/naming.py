"""Names that stay: a group that is found anew keeps the name of the old one whose questions it has.

Belongs here: which new group takes which name, what moved. Does not: finding groups (grouping), where names are kept.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Move:
    """A question that left a group. `kind`: the old group is no more (merge), the new one was not there before (split), or both stay (move)."""

    question_id: str
    from_group_id: str
    to_group_id: str
    kind: str


def fresh_name(founders: Iterable[str], taken: Collection[str]) -> str:
    """The name of a new group: its first question, or a digest of it where a group has that name already."""
    name = min(founders)
    while name in taken:
        name = hashlib.md5(f"group {name}".encode(), usedforsecurity=False).hexdigest()
    return name


def named(clusters: Iterable[Collection[str]], before: Mapping[str, str], asks: Mapping[str, int]) -> dict[str, str]:
    """The group of each question: a cluster takes the name of the old group with which it shares most asks, each name goes to one cluster.

    `before` is the group of each question until now, `asks` how often each was asked (1 where it is not told). The order of clusters does not matter.
    """
    sets = sorted(sorted(cluster) for cluster in clusters)
    shared: dict[tuple[str, int], int] = defaultdict(int)
    for number, cluster in enumerate(sets):
        for question in cluster:
            if question in before:
                shared[before[question], number] += asks.get(question, 1)
    names: dict[int, str] = {}
    given: set[str] = set()
    for (name, number), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        if name not in given and number not in names:
            names[number] = name
            given.add(name)
    taken = given | set(before.values())
    for number, cluster in enumerate(sets):
        if number not in names:
            names[number] = fresh_name(cluster, taken)
            taken.add(names[number])
    return {question: names[number] for number, cluster in enumerate(sets) for question in cluster}


def moves(before: Mapping[str, str], after: Mapping[str, str]) -> list[Move]:
    """What moved, by question."""
    old, new = set(before.values()), set(after.values())
    found = []
    for question, name in sorted(after.items()):
        was = before.get(question, name)
        if was != name:
            kind = "merge" if was not in new else "split" if name not in old else "move"
            found.append(Move(question, was, name, kind))
    return found
