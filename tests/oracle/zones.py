"""The creator's calendar: which zone holds when, which local day an instant is on, what day is today.

Belongs here: zones of creators over time. Does not: windows over days.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from tests.oracle.mirror import Row

_ALWAYS = datetime(1900, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@cache
def _known() -> frozenset[str]:
    own = ("localtime", "posixrules", "Factory")
    return frozenset(name for name in available_timezones() if name not in own and not name.startswith(("posix/", "right/")))


def wished_zone(preferences: Row | None) -> str:
    """The zone that a creator asks for: a known name, else UTC, whatever else is stored."""
    stored = preferences["export_preferences"] if preferences else None
    name = stored.get("timezone") if isinstance(stored, dict) else None
    return name if isinstance(name, str) and name in _known() else "UTC"


def midnight_after(instant: datetime, zone: str) -> datetime:
    """The instant at which the next local day begins."""
    local = instant.astimezone(ZoneInfo(zone))
    tomorrow = local.date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


@dataclass
class Zones:
    """Per creator the zones with the instant from which each holds, oldest first."""

    history: dict[UUID, list[tuple[datetime, str]]] = field(default_factory=dict)

    def follow(self, creator_id: UUID, wish: str, as_of: datetime) -> None:
        """A wish seen by a run holds from the next midnight in the zone that holds now; until then it can be changed or taken back."""
        history = self.history.setdefault(creator_id, [])
        if not history:
            history.append((_ALWAYS, wish))
            return
        while history[-1][0] > as_of:
            history.pop()
        now = history[-1][1]
        if wish != now:
            history.append((midnight_after(as_of, now), wish))

    def zone_at(self, creator_id: UUID, instant: datetime) -> str:
        """The zone that holds at `instant`."""
        return next(zone for since, zone in reversed(self.history[creator_id]) if since <= instant)

    def local(self, creator_id: UUID, instant: datetime) -> datetime:
        """`instant` by the creator's clock."""
        return instant.astimezone(ZoneInfo(self.zone_at(creator_id, instant)))

    def day_of(self, creator_id: UUID, instant: datetime) -> date:
        """The local day that `instant` is on."""
        return self.local(creator_id, instant).date()

    def today(self, creator_id: UUID, as_of: datetime) -> date:
        """The newest local day that the creator has seen: after a move to the west the calendar waits, it does not go back."""
        ends = [since - _TICK for since, _ in self.history[creator_id] if _ALWAYS < since <= as_of]
        return max(self.day_of(creator_id, instant) for instant in [*ends, as_of])

    def began_before(self, creator_id: UUID, day: date, instant: datetime) -> bool:
        """Whether the local day began before `instant`, that is, whether some earlier instant was on it or after it."""
        return day <= self.day_of(creator_id, instant - _TICK)


def creators_with_wishes(creators: Iterable[Row], preferences: Iterable[Row]) -> list[tuple[UUID, str]]:
    """Each creator with the zone asked for."""
    stored = {row["creator_id"]: row for row in preferences}
    return [(row["id"], wished_zone(stored.get(row["id"]))) for row in creators]
