"""When the runs of a batch of platforms compute, and instants in relation to them.

Belongs here: the instants of runs, and `When`, by which events say when they happened. Does not: events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Schedule:
    """A name, the instants of its runs, and the numbers of those that are nightly."""

    name: str
    instants: tuple[datetime, ...]
    nightly: frozenset[int]


def make_schedule(name: str, start: str, hours: Sequence[float], nightly: Sequence[int]) -> Schedule:
    """Runs at `start` and then after each of `hours`, hours that no run served included."""
    instants = [datetime.fromisoformat(start).replace(tzinfo=UTC)]
    for gap in hours:
        instants.append(instants[-1] + timedelta(hours=gap))
    return Schedule(name, tuple(instants), frozenset(nightly))


SCHEDULES = (
    make_schedule("clocks go forward in Europe", "2025-03-29T20:00", (1, 2, 1, 1, 2, 1, 22, 24, 24 * 7), (5, 8)),
    make_schedule("clocks go back in Europe", "2025-10-25T21:00", (1, 1, 1, 1, 1, 1, 20, 4, 24 * 6), (4,)),
    make_schedule("clocks change in America", "2025-03-09T03:00", (1, 1, 1, 1, 20, 1, 24, 24 * 14, 1), (0, 5)),
    make_schedule("clocks change in Lord Howe and Chatham", "2025-04-05T12:30", (1, 1, 1.5, 1, 1, 6, 24, 24 * 3, 24 * 4), (6, 9)),
    make_schedule("a leap day and long silence", "2024-02-28T22:00", (1, 1, 1, 3, 21, 24 * 20, 1, 24 * 45, 1), (4, 7)),
)
"""Ten runs each."""


@dataclass(frozen=True)
class When:
    """An instant in relation to the run that first sees the event.

    `before`: `days` days and `minutes` minutes before that run's instant (negative: after it). `due`: the same before the instant of the run number
    `run`. `midnight`: `minutes` after the local midnight, in `zone`, that began the day `days` days before that run's day. `ticks` are microseconds on top.
    """

    kind: str = "before"
    days: int = 0
    minutes: int = 0
    ticks: int = 0
    run: int = 0
    zone: str = "UTC"


def resolve(when: When, seen_by: int, schedule: Schedule) -> datetime:
    """The instant of `when` for an event that run number `seen_by` is the first to see."""
    ticks = timedelta(microseconds=when.ticks)
    if when.kind == "midnight":
        local = schedule.instants[seen_by].astimezone(ZoneInfo(when.zone)).date() - timedelta(days=when.days)
        midnight = datetime(local.year, local.month, local.day, tzinfo=ZoneInfo(when.zone)).astimezone(UTC)
        return midnight + timedelta(minutes=when.minutes) + ticks
    run = when.run if when.kind == "due" else seen_by
    return schedule.instants[run % len(schedule.instants)] - timedelta(days=when.days, minutes=when.minutes) + ticks
