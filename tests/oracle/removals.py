"""What a generated platform deletes, and brings back.

Belongs here: events after which rows are gone from the source, and their return. Does not: what runs make of it (mirror).
"""

from dataclasses import dataclass

from tests.oracle.events import Event
from tests.oracle.place import Place


@dataclass(frozen=True)
class Remove(Event):
    """A row is deleted; with `cascades` all rows that need it, else they stay behind, as on a replica they may."""

    table: str
    number: int
    cascades: bool = True

    def happen(self, place: Place) -> None:
        if row := place.pick(self.table, self.number):
            place.remove(self.table, row, cascades=self.cascades)


@dataclass(frozen=True)
class Return(Event):
    """All that was deleted is back as it was: somebody restored it."""

    def happen(self, place: Place) -> None:
        place.bring_back()
