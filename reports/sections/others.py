"""Frames that the page does not know: a plain table each, so that a new report shows here before it has a section of its own."""

from dataclasses import dataclass

from reports.document import Column, Frame
from reports.reading import Reading
from reports.sections.values import say_value
from reports.wording import clean, say_count

_SHOWN_ROWS = 10
_KNOWN = frozenset({
    "creator_overview", "daily_activity", "hourly_activity", "student_engagement_tiers", "tier_transitions", "video_analytics", "quiz_analytics",
    "quiz_question_analytics", "top_questions", "revenue_overview", "revenue_monthly", "recommendations", "restatements",
})  # fmt: skip


@dataclass(frozen=True)
class Other:
    """One table: `numeric` says which columns are set to the right."""

    name: str
    title: str
    description: str
    labels: list[str]
    numeric: list[bool]
    rows: list[list[str]]
    rest: str | None
    empty: str | None


def build(reading: Reading) -> list[Other]:
    """A section per unknown frame, by name."""
    return [_other(frame, reading) for name, frame in sorted(reading.frames.items()) if name not in _KNOWN]


def _other(frame: Frame, reading: Reading) -> Other:
    columns = [column for column in frame.columns if column.name != "id" and not column.name.endswith("_id")]
    shown = frame.table.slice(0, _SHOWN_ROWS).to_pylist()
    total = frame.table.num_rows
    return Other(
        name=frame.name.replace("_", "-"),
        title=clean(frame.title, 80) or frame.name,
        description=clean(frame.description, 300),
        labels=[clean(column.label, 60) for column in columns],
        numeric=[_is_numeric(column, frame) for column in columns],
        rows=[[say_value(row[column.name], column, reading) for column in columns] for row in shown],
        rest=f"The first {say_count(len(shown))} of {say_count(total)} rows." if total > len(shown) else None,
        empty=None if total else "Nothing here yet.",
    )


def _is_numeric(column: Column, frame: Frame) -> bool:
    return str(frame.table.schema.field(column.name).type).startswith(("int", "double", "decimal"))
