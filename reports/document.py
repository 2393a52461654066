"""What a report is made from: columns, frames and the document.

Belongs here: the shapes that the pipeline hands over. Does not: how any of it is shown or written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa


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
    """

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    table: pa.Table


@dataclass(frozen=True)
class Document:
    """One report of one creator: what every format is rendered from.

    `main` is the frame that data formats write. `frames` holds the creator's frame of every mart by name, for the page.
    `as_of` and `complete_through` are instants with a time zone; `timezone` is the creator's IANA zone.
    """

    report: str
    title: str
    creator_name: str
    as_of: datetime
    complete_through: datetime
    timezone: str
    main: Frame
    frames: Mapping[str, Frame]
