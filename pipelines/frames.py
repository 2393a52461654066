"""One creator's published rows as frames: read through row security, in one snapshot, and hashed.

Belongs here: the select list of a contract, the role and snapshot of the read, what a file depends on. Does not: files (creator_files).
Over 200 lines by the two ways to take a digest of a table, which have to agree on what is equal.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

import reports
from pipelines.catalog import Catalog, Mart, Report
from pipelines.problem import Problem
from reports.document import BATCH_ROWS, Column, Document, Frame
from reports.formats import Format

_CASTS = {"uuid": "::text", "jsonb": "::text"}
_FEW_ROWS = 8
"""Up to here a row of Python's values is cheaper than a round over the columns."""
_RESTATEMENTS = (
    Column("activity_on", "Day", "date", None, "The day whose number changed."),
    Column("metric", "Number", "text", None, "Which number of daily_activity changed."),
    Column("old_value", "Before", "numeric", None, "What it was."),
    Column("new_value", "Now", "numeric", None, "What it is since."),
    Column("as_of", "Since", "timestamptz", None, "The run that saw the change."),
)
"""What the page shows of `analytics.restatements`, which has no contract of its own."""


@dataclass(frozen=True)
class Bundle:
    """All that one creator's files are made from. `frames` holds the marts that were asked for, by name; instants are UTC."""

    creator_name: str
    timezone: str
    date_format: str | None
    has_metadata: bool
    as_of: datetime
    complete_through: datetime
    frames: Mapping[str, Frame]

    @cached_property
    def digests(self) -> Mapping[str, bytes]:
        """Of each frame's rows and contract, by name: taken once for all files."""
        return {name: _frame_digest(frame) for name, frame in self.frames.items()}

    def document(self, report: Report, *, last_report_as_of: datetime | None = None, has_bom: bool = False) -> Document:
        """What the formats of `report` render: a page knows of all its marts, a data file of its own."""
        return Document(
            report=report.name,
            title=report.title,
            creator_name=self.creator_name,
            as_of=self.as_of,
            complete_through=self.complete_through,
            timezone=self.timezone,
            main=replace(self.frames[report.mart], description=report.description),  # a creator's file speaks of that creator only
            frames={name: frame for name, frame in self.frames.items() if name in (*report.marts, "restatements")},
            is_weekly=report.cadence == "weekly",
            date_format=self.date_format,
            last_report_as_of=last_report_as_of,
            has_metadata=self.has_metadata,
            has_bom=has_bom,
        )


def digest_of(document: Document, kind: Format, renderer: str, digests: Mapping[str, bytes]) -> str:
    """What a file depends on: rows and contract (`Bundle.digests`) and code (`renderer`); a page, or a file with metadata, on all the rest of its document too."""
    is_page = kind.is_inline
    digest = hashlib.sha256(f"{renderer} {kind.suffix} {document.title} {document.has_bom}".encode())
    for frame in document.frames.values() if is_page else [document.main]:
        digest.update(digests[frame.name])
    if is_page or document.has_metadata:
        digest.update(repr(replace(document, main=None, frames={})).encode())  # pyrefly: ignore[bad-argument-type]
    return digest.hexdigest()


def _frame_digest(frame: Frame) -> bytes:
    digest = hashlib.sha256(_contract_digest(frame.name, frame.title, frame.columns))
    _hash_table(frame.table, digest)
    return digest.digest()


@cache
def _contract_digest(*contract: object) -> bytes:
    return hashlib.sha256(repr(contract).encode()).digest()


def _hash_table(table: pa.Table, digest: "hashlib._Hash") -> None:
    """Feed the values of `table` to `digest`: equal tables give equal bytes, whatever lies in the slots of nulls or behind the last bit."""
    digest.update(repr([(field.name, str(field.type)) for field in table.schema]).encode())
    if table.num_rows <= _FEW_ROWS:
        digest.update(repr(table.to_pylist()).encode())
        return
    plain = pa.RecordBatch.from_pydict(dict(_without_nulls(table.combine_chunks())))
    digest.update(repr(plain.schema.names).encode())  # which columns have nulls, since bytes alone do not say which column is whose
    for start in range(0, plain.num_rows, BATCH_ROWS):  # in pieces, so that a frame is never copied for it
        digest.update(plain.slice(start, BATCH_ROWS).serialize())


def _without_nulls(table: pa.Table) -> Iterator[tuple[str, pa.Array]]:
    """The columns, each with zeros or empty texts for its nulls and one more that says where they were; booleans as bytes."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        array = column.chunk(0)
        if array.null_count:
            yield f"{name} is null", array.is_null().cast(pa.int8())
            array = array.fill_null("" if pa.types.is_string(array.type) else False if pa.types.is_boolean(array.type) else 0)
        yield name, array.cast(pa.int8()) if pa.types.is_boolean(array.type) else array


def renderer_fingerprint() -> str:
    """Changes whenever code or templates of `reports` change: unchanged rows are then rendered anew."""
    folder = Path(reports.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".py", ".j2", ".css", ".svg"}:
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def read_bundle(
    reader: adbc.Connection, catalog: Catalog, creator_id: str, marts: Collection[str], restated_since: datetime | None = None
) -> Bundle:
    """The creator's rows of `marts`, as `report_renderer`, in one read-only snapshot.

    With `restated_since` there is a frame `restatements` too: numbers of finished days that changed after that instant.
    """
    with snapshot(reader, creator_id) as cursor:
        bundle = open_bundle(cursor)
        frames = {name: _fetch_frame(cursor, catalog.marts[name]) for name in sorted(marts)}
        if restated_since is not None:
            frames["restatements"] = _fetch_restatements(cursor, restated_since)
    return replace(bundle, frames=frames)


@contextmanager
def snapshot(reader: adbc.Connection, creator_id: str) -> Iterator[adbc.Cursor]:
    """A cursor that sees the rows of one creator, as `report_renderer`, in one read-only snapshot."""
    try:
        with reader.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
            cursor.execute("set local role report_renderer")
            cursor.execute("select set_config('ops.render_creator', $1, true)", (creator_id,))
            yield cursor
    finally:
        reader.rollback()


def open_bundle(cursor: adbc.Cursor, table: str = "creator_overview") -> Bundle:
    """Who the creator is and as of when `table` is, without frames yet. A `Problem` when nothing of the creator is published.

    Of a page that is creator_overview's: what nightly runs alone refresh is said to be so there.
    """
    cursor.execute(
        "select p.as_of, p.complete_through, o.company_name, o.timezone, o.date_format, o.has_metadata from analytics.creator_overview as o"
        " join analytics.published as p on p.table_name = $1 where o.creator_id = ops.render_creator()",
        (table,),
    )
    found = cursor.fetchone()
    if found is None or found[0] is None:
        raise Problem("there is no published row of this creator; run `creator-reports run hourly`, then again.")
    as_of, complete_through, name, zone, date_format, has_metadata = found
    return Bundle(name or "Creator", zone, date_format, bool(has_metadata), as_of.astimezone(UTC), complete_through.astimezone(UTC), {})


def _fetch_frame(cursor: adbc.Cursor, mart: Mart) -> Frame:
    """The rows that row security lets through, in the mart's order; types as `reports.document.Frame` wants them."""
    cursor.execute(select(mart))
    return Frame(mart.name, mart.title, mart.description, columns_of(mart), cursor.fetch_arrow_table())


def select(mart: Mart, condition: str = "true") -> str:
    """The statement that reads the mart's published rows for a frame; `condition` is SQL over its columns."""
    selected = ", ".join(_selected(column.name, column.data_type) for column in mart.columns)
    return f'select {selected} from analytics."{mart.name}" where {condition} order by {", ".join(mart.order_by)}'


def columns_of(mart: Mart) -> tuple[Column, ...]:
    """The contract's columns as frames carry them."""
    return tuple(Column(column.name, column.label, column.data_type, column.unit, column.description) for column in mart.columns)


def _fetch_restatements(cursor: adbc.Cursor, since: datetime) -> Frame:
    """Of each number that changed more than once since then the first old and the last new value; those that came back are none."""
    cursor.execute(
        """select creator_id::text, activity_on, metric, old_value::float8, new_value::float8, as_of
           from (
               select creator_id, activity_on, metric, (array_agg(old_value order by as_of))[1] as old_value,
                   (array_agg(new_value order by as_of desc))[1] as new_value, max(as_of) as as_of
               from analytics.restatements where as_of > $1::text::timestamptz group by creator_id, activity_on, metric) as changes
           where old_value is distinct from new_value order by activity_on desc, metric""",
        (since.isoformat(),),
    )
    creator = Column("creator_id", "Creator", "uuid", None, "The creator.")
    about = "Numbers of finished days that changed since the last report."
    return Frame("restatements", "Restatements", about, (creator, *_RESTATEMENTS), cursor.fetch_arrow_table())


def _selected(name: str, data_type: str) -> str:
    """A column as its type in a `Frame`: arrays are JSON text."""
    if data_type.endswith("[]"):
        return f'to_json("{name}")::text as "{name}"'
    return f'"{name}"{"::float8" if data_type.startswith("numeric") else _CASTS.get(data_type, "")}'
