"""One creator's published rows as frames: read through row security, in one snapshot, and hashed.

Belongs here: the select list of a contract, the role and snapshot of the read, what a file depends on. Does not: files (creator_files).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

import reports
from pipelines.catalog import Catalog, Mart, Report
from pipelines.problem import Problem
from reports.document import Column, Document, Frame
from reports.formats import FORMATS

_CASTS = {"uuid": "::text", "jsonb": "::text"}


@dataclass(frozen=True)
class Bundle:
    """All that one creator's files are made from. `frames` holds every mart by name; both instants are UTC."""

    creator_name: str
    timezone: str
    as_of: datetime
    complete_through: datetime
    frames: Mapping[str, Frame]

    def document(self, report: Report) -> Document:
        """What the formats of `report` render."""
        return Document(
            report=report.name,
            title=report.title,
            creator_name=self.creator_name,
            as_of=self.as_of,
            complete_through=self.complete_through,
            timezone=self.timezone,
            main=self.frames[report.mart],
            frames=self.frames,
        )

    def digest(self, report: Report, suffix: str, renderer: str) -> str:
        """What a file depends on: rows, contract and code (`renderer`); a page also on its instants, its creator's name and zone."""
        is_page = FORMATS[suffix].is_inline
        digest = hashlib.sha256(f"{renderer} {suffix} {report.title}".encode())
        for frame in self.frames.values() if is_page else [self.frames[report.mart]]:
            digest.update(repr((frame.name, frame.title, frame.columns)).encode())
            _hash_table(frame.table, digest)
        if is_page:
            digest.update(f"{self.creator_name} {self.timezone} {self.as_of} {self.complete_through}".encode())
        return digest.hexdigest()


def _hash_table(table: pa.Table, digest: "hashlib._Hash") -> None:
    """Feed the values of `table` to `digest`: equal tables give equal bytes, whatever lies in the slots of nulls or behind the last bit."""
    columns: dict[str, pa.Array] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        array = column.combine_chunks()
        columns[f"{name} is null"] = array.is_null().cast(pa.int8())
        zero = "" if pa.types.is_string(array.type) else False if pa.types.is_boolean(array.type) else 0
        filled = array.fill_null(pa.scalar(zero, array.type))
        columns[name] = filled.cast(pa.int8()) if pa.types.is_boolean(array.type) else filled
    plain = pa.table(columns)
    with pa.ipc.new_stream(_DigestSink(digest), plain.schema) as stream:
        stream.write_table(plain)


class _DigestSink:
    """A file that only feeds a hash, so that a frame is never copied for it."""

    closed = False

    def __init__(self, digest: "hashlib._Hash") -> None:
        self._digest = digest

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


def renderer_fingerprint() -> str:
    """Changes whenever code or templates of `reports` change: unchanged rows are then rendered anew."""
    folder = Path(reports.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".py", ".j2", ".css", ".svg"}:
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def read_bundle(reader: adbc.Connection, catalog: Catalog, creator_id: str) -> Bundle:
    """The creator's rows of every mart, as `report_renderer`, in one read-only snapshot."""
    try:
        with reader.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
            cursor.execute("set local role report_renderer")
            cursor.execute("select set_config('ops.render_creator', $1, true)", (creator_id,))
            frames = {mart.name: _fetch_frame(cursor, mart) for mart in catalog.marts.values()}
            cursor.execute("select max(as_of), min(complete_through) from analytics.published")
            published = cursor.fetchone()
    finally:
        reader.rollback()
    overview = frames["creator_overview"].table.to_pylist()
    if not overview or published is None or published[0] is None:
        raise Problem("there is no published row of this creator; run `creator-reports run hourly`, then again.")
    name, zone = overview[0]["company_name"] or "Creator", overview[0]["timezone"]
    return Bundle(name, zone, published[0].astimezone(UTC), published[1].astimezone(UTC), frames)


def _fetch_frame(cursor: adbc.Cursor, mart: Mart) -> Frame:
    """The rows that row security lets through, in the mart's order; types as `reports.document.Frame` wants them."""
    selected = ", ".join(_selected(column.name, column.data_type) for column in mart.columns)
    cursor.execute(f'select {selected} from analytics."{mart.name}" order by {", ".join(mart.order_by)}')
    columns = tuple(Column(column.name, column.label, column.data_type, column.unit, column.description) for column in mart.columns)
    return Frame(mart.name, mart.title, mart.description, columns, cursor.fetch_arrow_table())


def _selected(name: str, data_type: str) -> str:
    """A column as its type in a `Frame`: arrays are JSON text."""
    if data_type.endswith("[]"):
        return f'to_json("{name}")::text as "{name}"'
    return f'"{name}"{"::float8" if data_type.startswith("numeric") else _CASTS.get(data_type, "")}'
