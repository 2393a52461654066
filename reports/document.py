"""What a report is made from: columns, frames and the document.

Belongs here: the shapes that the pipeline hands over. Does not: how any of it is shown or written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

BATCH_ROWS = 8192
"""Keeps the memory of a large export in bounds: only one batch is held as text at a time."""


@dataclass(frozen=True)
class Column:
    """One column of a mart, as its contract describes it.

    `unit` is `rate` (0 to 1), `change` (0.5 is half as much again), `seconds`, `points`, `count` or None; `data_type` is the Postgres type of the contract.
    """

    name: str
    label: str
    data_type: str
    unit: str | None
    description: str


@dataclass(frozen=True)
class Frame:
    """The rows of one mart that belong to one creator.

    `table` has the names of `columns`, in their order. Types: uuid, text, jsonb and arrays as string (JSON text), numeric as
    float64, integers as int32 or int64, timestamptz as timestamp[us, UTC], date as date32, boolean as bool.
    `stream`, where it is given, holds the rows in `table`'s place, to be read once: a large export is never in memory as a whole.
    """

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    table: pa.Table
    stream: Iterator[pa.RecordBatch] | None = None

    def batches(self) -> Iterator[pa.Table]:
        """The rows in pieces of at most `BATCH_ROWS`."""
        for piece in [self.table] if self.stream is None else (pa.Table.from_batches([batch]) for batch in self.stream):
            for start in range(0, piece.num_rows, BATCH_ROWS):
                yield piece.slice(start, BATCH_ROWS)


@dataclass(frozen=True)
class Document:
    """One report of one creator: what every format is rendered from.

    `main` is the frame that data formats write. `frames` holds the creator's frames by name of the mart, for the page.
    `as_of`, `complete_through` and `last_report_as_of` (of the edition before this one) are instants with a time zone;
    `timezone` is the creator's IANA zone, `date_format` the one that the creator asked for (`YYYY-MM-DD`), None for our own.
    `filters` says which rows `main` was narrowed to; where `has_metadata`, data formats say so beside as_of and definitions.
    """

    report: str
    title: str
    creator_name: str
    as_of: datetime
    complete_through: datetime
    timezone: str
    main: Frame
    frames: Mapping[str, Frame]
    is_weekly: bool = False
    date_format: str | None = None
    last_report_as_of: datetime | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    has_metadata: bool = False
    has_bom: bool = False
