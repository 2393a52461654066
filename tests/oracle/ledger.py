"""The ledger of watching, from its definition: what each run saw change, against the row booked last.

Belongs here: booking, and where a student stood in a video at an instant. Does not: days and counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tests.oracle.mirror import Row

Pair = tuple[UUID, UUID]


@dataclass(frozen=True)
class Gain:
    """One row of the ledger, under the names of its columns."""

    student_id: UUID
    video_id: UUID
    booked_no: int
    creator_id: UUID
    observed_at: datetime
    seconds_gained: int
    completion_gained: int
    reset_seconds: int
    reset_completion: int
    watch_seconds: int
    completion_percentage: int
    is_completed: bool
    last_position_seconds: int
    best_completion_percentage: int
    is_first_view: bool
    is_completed_now: bool
    has_crossed_25: bool
    has_crossed_50: bool
    has_crossed_75: bool
    is_opening: bool
    is_reset: bool
    booked_as_of: datetime

    @property
    def is_watched(self) -> bool:
        """Whether there is watch time or completion after it."""
        return self.watch_seconds > 0 or self.completion_percentage > 0


@dataclass
class Ledger:
    """Gains by student and video, in the order of booking, and the source row that was booked last."""

    gains: dict[Pair, list[Gain]] = field(default_factory=dict)
    booked: dict[Pair, Row] = field(default_factory=dict)

    def book(self, row: Row, owner_id: UUID, as_of: datetime, *, is_opening: bool) -> None:
        """Append a gain when totals or updated_at differ from those booked last."""
        pair = (row["student_id"], row["video_id"])
        last = self.booked.get(pair)
        names = ("watch_time_seconds", "completion_percentage", "completed", "last_position_seconds", "updated_at")
        if last is not None and all(row[name] == last[name] for name in names):
            return
        self.booked[pair] = row
        before = self.gains.setdefault(pair, [])
        if last is None and before and not _is_new(row, before[-1]):
            return
        before.append(_gain(row, before, owner_id, as_of, is_opening))

    def forget(self, pair: Pair) -> None:
        """The source has the row no longer; what was booked stays."""
        self.booked.pop(pair, None)

    def all(self) -> Iterable[Gain]:
        """Every row."""
        for gains in self.gains.values():
            yield from gains

    def until(self, as_of: datetime) -> Iterable[Gain]:
        """Rows of what had happened by `as_of`."""
        return (gain for gain in self.all() if gain.observed_at <= as_of)

    def standing(self, as_of: datetime) -> dict[Pair, Gain]:
        """Per pair the newest row of what had happened by `as_of`."""
        return {(gain.student_id, gain.video_id): gain for gain in self.until(as_of)}


def _is_new(row: Row, last: Gain) -> bool:
    """Whether a row that was gone says anything that the ledger does not know."""
    now = (row["watch_time_seconds"], row["completion_percentage"], row["completed"], row["last_position_seconds"])
    then = (last.watch_seconds, last.completion_percentage, last.is_completed, last.last_position_seconds)
    return now != then or row["updated_at"] > last.observed_at


def _gain(row: Row, before: list[Gain], owner_id: UUID, as_of: datetime, is_opening: bool) -> Gain:
    last = before[-1] if before else None
    seconds, completion, completed = row["watch_time_seconds"], row["completion_percentage"], row["completed"]
    seconds_more = seconds - (last.watch_seconds if last else 0)
    completion_more = completion - (last.completion_percentage if last else 0)
    was_completed = last is not None and last.is_completed
    best = last.best_completion_percentage if last else 0
    crossed = {mark: best < mark <= completion for mark in (25, 50, 75)}
    return Gain(
        student_id=row["student_id"],
        video_id=row["video_id"],
        booked_no=len(before) + 1,
        creator_id=owner_id,
        observed_at=max(row["updated_at"], last.observed_at) if last else row["updated_at"],
        seconds_gained=max(seconds_more, 0),
        completion_gained=max(completion_more, 0),
        reset_seconds=max(-seconds_more, 0),
        reset_completion=max(-completion_more, 0),
        watch_seconds=seconds,
        completion_percentage=completion,
        is_completed=completed,
        last_position_seconds=row["last_position_seconds"],
        best_completion_percentage=max(best, completion),
        is_first_view=(seconds > 0 or completion > 0) and not any(gain.is_watched for gain in before),
        is_completed_now=completed and not was_completed,
        has_crossed_25=crossed[25],
        has_crossed_50=crossed[50],
        has_crossed_75=crossed[75],
        is_opening=is_opening,
        is_reset=seconds_more < 0 or completion_more < 0 or (was_completed and not completed),
        booked_as_of=as_of,
    )
