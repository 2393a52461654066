"""The index of the saved ledger: all days with their rows, and which save wrote it.

Belongs here: the object `saved.parquet`, and how the database knows the index as its own last one. Does not: the days' objects (keeping).

Marks say what changed since the last save of this database to this bucket. Where the index is of another save (the database or the bucket came back from a
backup, or LEDGER_BUCKET was another one in between), marks prove nothing, and all days are written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import uuid4

import psycopg
import pyarrow as pa

from pipelines import parquet
from pipelines.store import Store

KEY = "saved.parquet"

Counts = Mapping[str, Mapping[date, int]]
"""Rows per table and day."""


@dataclass(frozen=True)
class SavedIndex:
    """What stands in the bucket: the save that wrote the index, and rows per table and day. A day that it names and that has no object is lost."""

    save_id: str | None
    counts: Counts = field(default_factory=dict)


def read(store: Store) -> SavedIndex | None:
    """The index, or None when the bucket holds no saved ledger."""
    rows = parquet.read_values(store, KEY)
    if rows is None:
        return None
    counts: dict[str, dict[date, int]] = {}
    for row in rows:
        counts.setdefault(row["table_name"], {})[row["day_on"]] = row["row_count"]
    return SavedIndex(rows[0]["save_id"] if rows else None, counts)


def write(store: Store, index: SavedIndex) -> None:
    """Put the index into the bucket, in place of the one that is there."""
    rows = [(index.save_id, table, day_on, count) for table, days in index.counts.items() for day_on, count in sorted(days.items())]
    kinds = {"save_id": pa.string(), "table_name": pa.string(), "day_on": pa.date32(), "row_count": pa.int64()}
    columns = {name: pa.array([row[place] for row in rows], kind) for place, (name, kind) in enumerate(kinds.items())}
    parquet.write_values(store, KEY, columns)


def begin(notes: psycopg.Connection, found: SavedIndex | None) -> tuple[str, bool]:
    """Note that a save begins: its id, and whether the index that was found is this database's last one."""
    row = notes.execute("select save_id, earlier_save_id from ops.last_save").fetchone()
    is_own = found is not None and found.save_id is not None and found.save_id in (row or ())
    save_id = uuid4().hex
    notes.execute(
        """insert into ops.last_save (save_id, earlier_save_id) values (%(id)s, %(earlier)s)
           on conflict (is_only) do update set save_id = excluded.save_id, earlier_save_id = excluded.earlier_save_id""",
        {"id": save_id, "earlier": found.save_id if found and is_own else None},
    )
    return save_id, is_own


def finish(notes: psycopg.Connection, save_id: str | None) -> None:
    """Note that the index in the bucket is that of this save."""
    notes.execute(
        """insert into ops.last_save (save_id) values (%s)
           on conflict (is_only) do update set save_id = excluded.save_id, earlier_save_id = null""",
        (save_id or uuid4().hex,),
    )
