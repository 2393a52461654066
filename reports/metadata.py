"""What a data file can say about itself: as of when, which rows, what each column means.

Belongs here: those facts. Does not: where a format puts them (formats.py).
"""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from reports.document import Column, Document

_COLUMNS = (Column("item", "Item", "text", None, ""), Column("value", "Value", "text", None, ""))


def describe(document: Document) -> dict[str, Any]:
    """The facts as JSON holds them; instants are ISO 8601 in UTC."""
    return {
        "title": document.title,
        "creator": document.creator_name,
        "description": document.main.description,
        "as_of": _instant(document.as_of),
        "complete_through": _instant(document.complete_through),
        "timezone": document.timezone,
        "filters": dict(sorted(document.filters.items())),
        "definitions": [
            {"name": column.name, "label": column.label, "type": column.data_type, "unit": column.unit, "description": column.description}
            for column in document.main.columns
        ],
    }


def listing(document: Document) -> tuple[tuple[Column, ...], pa.Table]:
    """The facts as rows of two texts, for a sheet."""
    facts = describe(document)
    rows = [(name, facts[name]) for name in ("title", "creator", "description", "as_of", "complete_through", "timezone")]
    rows += [(f"filter: {name}", value) for name, value in facts["filters"].items()] or [("filter", "none: all rows")]
    rows += [(f"column: {one['name']}", f"{one['description']}{_unit(one['unit'])}") for one in facts["definitions"]]
    return _COLUMNS, pa.table({"item": [row[0] for row in rows], "value": [row[1] for row in rows]})


def _unit(unit: str | None) -> str:
    return f" ({unit})" if unit else ""


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
