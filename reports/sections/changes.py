"""Numbers of earlier days that changed since the last report: what was said then, and what holds now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.document import Column
from reports.reading import Reading
from reports.sections.values import say_value
from reports.wording import clean, say_many

_SHOWN = 12
# The page's own words: the contract calls learners active, which would be taken for those whom the app saw, and names the unit that it counts in.
_WORDS = {"active_student_count": "Learners", "watch_seconds": "Watch time"}


@dataclass(frozen=True)
class Change:
    """One number of one day."""

    day: str
    what: str
    before: str
    now: str


@dataclass(frozen=True)
class Changes:
    """`about` introduces the list; None where there is no earlier report, or nothing changed."""

    about: str | None
    changes: list[Change]
    rest: str | None


def build(reading: Reading) -> Changes:
    """The section from `restatements`, newest day first."""
    table = reading.table("restatements")
    if table is None or reading.document.last_report_as_of is None:
        return Changes(None, [], None)
    frame = reading.frames.get("daily_activity")
    known = {column.name: column for column in frame.columns} if frame else {}
    rest = table.num_rows - _SHOWN
    return Changes(
        f"{say_many(table.num_rows, 'number')} of earlier days changed since the report of {reading.say_instant(reading.document.last_report_as_of)},"
        " because events came in late or were taken back.",
        [_change(reading, row, known) for row in table.slice(0, _SHOWN).to_pylist()],
        f"And {say_many(rest, 'more', 'more')}." if rest > 0 else None,
    )


def _change(reading: Reading, row: Mapping[str, Any], known: Mapping[str, Column]) -> Change:
    column = known.get(row["metric"]) or Column(row["metric"], row["metric"], "numeric", None, "")
    return Change(
        reading.say_day(row["activity_on"]),
        _WORDS.get(column.name) or clean(column.label, 60),
        say_value(row["old_value"], column, reading),
        say_value(row["new_value"], column, reading),
    )
