"""What the sections of the page read: the document's frames, its day and its zone.

Belongs here: finding rows in a document. Does not: words, markup, what a section shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa

from reports.document import Document, Frame


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

    def table(self, name: str) -> pa.Table | None:
        """The rows of a mart; None if the document does not have it or it has no rows."""
        frame = self.frames.get(name)
        return frame.table if frame and frame.table.num_rows else None

    def absence(self, name: str, things: str, nothing: str) -> str | None:
        """Why a section stays empty: the mart is not in the document, or has no rows (`nothing` says so). None if it has rows."""
        if name not in self.frames:
            return f"This edition came without {things}."
        return None if self.frames[name].table.num_rows else nothing
