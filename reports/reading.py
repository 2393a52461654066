"""What the sections of the page read: the document's frames, its days, its zone and its way to write dates.

Belongs here: finding rows in a document. Does not: markup, what a section shows.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
import pyarrow.compute as pc

from reports.document import Document, Frame
from reports.wording import say_day, say_instant


@dataclass(frozen=True)
class Reading:
    """A document as the sections read it."""

    document: Document

    @cached_property
    def zone(self) -> ZoneInfo:
        """The creator's zone; UTC if it is not the name of one (a broken preference must not stop a report)."""
        try:
            return ZoneInfo(self.document.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo("UTC")

    @cached_property
    def today(self) -> date:
        """The creator's local date at the document's as_of."""
        return self.document.as_of.astimezone(self.zone).date()

    @cached_property
    def frames(self) -> Mapping[str, Frame]:
        """Every frame by mart name, the main one among them."""
        return {self.document.main.name: self.document.main, **self.document.frames}

    @cached_property
    def overview(self) -> Mapping[str, Any] | None:
        """The creator's row of `creator_overview`, None if there is none."""
        table = self.table("creator_overview")
        return table.slice(0, 1).to_pylist()[0] if table else None

    @cached_property
    def week(self) -> list[date]:
        """The seven full days that the report looks at: the last Monday to Sunday in a weekly one, else those up to yesterday."""
        end = self.today - timedelta(days=1 + (self.today.weekday() if self.document.is_weekly else 0))
        return [end - timedelta(days=back) for back in range(6, -1, -1)]

    @cached_property
    def tiers_a_week_ago(self) -> Counter[str] | None:
        """Students per tier seven days before as_of, of those who are still here; None where nothing is known of then."""
        joined = self._standing_a_week_ago
        return None if joined is None else Counter({row["values"]: row["counts"] for row in pc.value_counts(joined["to_tier"]).to_pylist()})

    @cached_property
    def is_slipping(self) -> pa.ChunkedArray | None:
        """Of each row of `student_engagement_tiers` whether the student is at risk and has not completed everything; None without rows."""
        table = self.table("student_engagement_tiers")
        return None if table is None else pc.and_not(pc.equal(table["tier"], "at_risk"), _has_completed(table))

    @cached_property
    def slipping_a_week_ago(self) -> int | None:
        """How many were at risk seven days before as_of, of the students who are still here and have not completed everything by now."""
        joined, students = self._standing_a_week_ago, self.table("student_engagement_tiers")
        if joined is None or students is None:
            return None
        done = students["student_id"].filter(_has_completed(students)).combine_chunks()
        return pc.sum(pc.and_not(pc.equal(joined["to_tier"], "at_risk"), pc.is_in(joined["student_id"], done))).as_py() or 0

    @cached_property
    def _standing_a_week_ago(self) -> pa.Table | None:
        """Each student who is still here (`student_id`) and the tier of then (`to_tier`)."""
        changes, students = self.table("tier_transitions"), self.table("student_engagement_tiers")
        if changes is None or students is None:
            return None
        then = pa.scalar(self.document.as_of - timedelta(days=7), changes["changed_at"].type)
        known = changes.filter(
            pc.and_(pc.less_equal(changes["changed_at"], then), pc.is_in(changes["student_id"], students["student_id"].combine_chunks()))
        )
        if not known.num_rows:
            return None
        latest = known.group_by("student_id").aggregate([("changed_at", "max")])
        return known.select(["student_id", "changed_at", "to_tier"]).join(
            latest.rename_columns({"changed_at_max": "changed_at"}), ["student_id", "changed_at"], join_type="inner", use_threads=False
        )

    def say_day(self, day: date | None) -> str:
        """A day as the creator writes dates."""
        return say_day(day, self.document.date_format)

    def say_local_day(self, instant: datetime | None) -> str:
        """The creator's day of an instant."""
        return self.say_day(instant.astimezone(self.zone).date() if instant else None)

    def say_instant(self, instant: datetime | None) -> str:
        """An instant by the creator's clock, the day as the creator writes dates."""
        return say_instant(instant, self.zone, self.document.date_format)

    def table(self, name: str) -> pa.Table | None:
        """The rows of a mart; None if the document does not have it or it has no rows."""
        frame = self.frames.get(name)
        return frame.table if frame and frame.table.num_rows else None

    def absence(self, name: str, things: str, nothing: str) -> str | None:
        """Why a section stays empty: the mart is not in the document, or has no rows (`nothing` says so). None if it has rows."""
        if name not in self.frames:
            return f"This edition came without {things}."
        return None if self.frames[name].table.num_rows else nothing


def _has_completed(students: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(pc.equal(students["lifecycle_stage"], "completed"), False)
