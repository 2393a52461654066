"""One export that somebody asked for: checked against the catalogue, read as a stream, rendered, uploaded, noted in the log.

Belongs here: which types, formats and filters there are, and making one file of them. Does not: queues, limits, links (the caller sees to
them), the files of scheduled editions (creator_files).
"""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import BinaryIO, cast
from uuid import UUID

import pyarrow as pa
from adbc_driver_postgresql import StatementOptions

from pipelines import export_log, frames
from pipelines.catalog import Catalog, Filter, Mart, Report
from pipelines.creator_files import Place, Worker
from pipelines.export_log import Entry
from pipelines.problem import UsageProblem, one_line
from pipelines.store import object_key
from reports.document import Document, Frame
from reports.formats import FORMATS, SIDECAR, Format

_IN_MEMORY = 8 << 20  # a larger file is rendered on disk
_BATCH_BYTES = 2 << 20
"""Rows that the driver reads ahead of us: its own measure, 16 MiB, is more than all the rest that an export holds in memory."""


@dataclass(frozen=True)
class Wanted:
    """An export as it is asked for, not checked yet. `filters` are values by name, as text: `{"tier": "at_risk", "from": "2026-03-01"}`."""

    creator_id: str
    export_type: str
    format: str
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Selection:
    """A checked export: its report and format, and SQL over the mart's columns with the values that it binds."""

    report: Report
    format: Format
    condition: str
    values: tuple[str, ...]


def check(catalog: Catalog, wanted: Wanted) -> Selection:
    """The selection that is wanted; a `UsageProblem` says which type, format, filter or value there is not, and which there are."""
    report = catalog.reports.get(wanted.export_type)
    if report is None or report.formats == ("html",):
        types = sorted(name for name, one in catalog.reports.items() if one.formats != ("html",))
        raise UsageProblem(f"there is no export type {wanted.export_type[:60]!r}; there are {', '.join(types)}.")
    if wanted.format not in report.formats:
        raise UsageProblem(f"{report.name} cannot be had as {wanted.format[:20]!r}; there are {', '.join(report.formats)}.")
    conditions, values = [], []
    for name, value in sorted(wanted.filters.items()):
        rule = report.filters.get(name)
        if rule is None:
            known = f"there are {', '.join(report.filters)}" if report.filters else "it has none"
            raise UsageProblem(f"{report.name} has no filter {name[:60]!r}; {known}.")
        values.append(_check_value(catalog.marts[rule.through or report.mart], name, rule, value))
        conditions.append(_condition(catalog.marts[rule.through or report.mart], name, rule, f"${len(values)}::text"))
    if "from" in wanted.filters and "to" in wanted.filters and wanted.filters["from"] > wanted.filters["to"]:
        raise UsageProblem(f"from {wanted.filters['from']} is after to {wanted.filters['to']}; give the earlier day as from.")
    return Selection(report, FORMATS[wanted.format], " and ".join(conditions) or "true", tuple(values))


def _check_value(mart: Mart, name: str, rule: Filter, value: object) -> str:
    if not isinstance(value, str):
        raise UsageProblem(f"filter {name}: {str(value)[:60]!r} is not a text; give one value.")
    if rule.values and value not in rule.values:
        raise UsageProblem(f"filter {name}: there is no {value[:60]!r}; there are {', '.join(rule.values)}.")
    kind = _type_of(mart, rule.column)
    try:
        if name in ("from", "to"):
            return date.fromisoformat(value).isoformat()
        return str(UUID(value)) if kind == "uuid" else value
    except ValueError:
        wish = "a day like 2026-03-01" if name in ("from", "to") else "an id"
        raise UsageProblem(f"filter {name}: {value[:60]!r} is not {wish}.") from None


def _condition(mart: Mart, name: str, rule: Filter, value: str) -> str:
    """One filter as SQL; `value` is the placeholder. Days are the creator's, both ends included."""
    column, kind = f'"{rule.column}"', _type_of(mart, rule.column)
    if name in ("from", "to"):
        zone = "(select timezone from analytics.creator_overview where creator_id = ops.render_creator())"
        day = f"({column} at time zone {zone})::date" if kind == "timestamptz" else column
        return f"{day} {'>=' if name == 'from' else '<='} {value}::date"
    if rule.through:
        return f'student_id in (select student_id from analytics."{rule.through}" where {column} = {value})'
    return f"{column} = {value}::uuid" if kind == "uuid" else f"{column} = {value}"


def _type_of(mart: Mart, column: str) -> str:
    return next(found.data_type for found in mart.columns if found.name == column)


def make(worker: Worker, wanted: Wanted) -> list[Entry]:
    """Make the file that is wanted: the log's rows of what was uploaded, with keys, rows and bytes. The second is a CSV's metadata, where wanted.

    The caller has seen to it that the creator may have it: entitled, gate open. The bytes follow from the rows alone, so asking again while
    nothing changed gives the same key. A failure is noted in the log and raised.
    """
    selection = check(worker.catalog, wanted)
    with worker.held_place(wanted.creator_id) as place, _opened(worker, wanted, selection) as document:
        kinds = [selection.format]
        if document.has_metadata and selection.format.suffix == "csv":
            kinds.append(SIDECAR)
        return [_make_one(worker, place, selection.report, kind, document) for kind in kinds]


@contextmanager
def _opened(worker: Worker, wanted: Wanted, selection: Selection) -> Iterator[Document]:
    """The document of the export; its rows come from the database while they are written."""
    mart = worker.catalog.marts[selection.report.mart]
    with frames.snapshot(worker.reader, wanted.creator_id) as cursor:
        bundle = frames.open_bundle(cursor, worker.catalog, wanted.creator_id)
        cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(_BATCH_BYTES)})
        cursor.execute(frames.select(mart, selection.condition), selection.values or None)
        batches = cursor.fetch_record_batch()
        frame = Frame(mart.name, mart.title, mart.description, frames.columns_of(mart), batches.schema.empty_table())
        frame = replace(frame, stream=_owned(worker, wanted.creator_id, frame, batches))
        document = replace(bundle, frames={mart.name: frame}).document(selection.report, has_bom=worker.has_bom)
        yield replace(document, filters=dict(sorted(wanted.filters.items())))


def _owned(worker: Worker, creator_id: str, frame: Frame, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches, each looked at before it is written: whatever it names is the creator's own."""
    for batch in batches:
        worker.require_owner(creator_id, [replace(frame, table=pa.Table.from_batches([batch]))])
        yield batch


def _make_one(worker: Worker, place: Place, report: Report, kind: Format, document: Document) -> Entry:
    entry = replace(worker.entry(document, report, kind, place.creator_id, None), edition_on=None, row_count=None)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spooled:
        file = cast(BinaryIO, spooled)
        try:
            row_count = kind.write(document, file)
            byte_count = file.tell()
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # pyrefly: ignore[bad-argument-type]
        except Exception as error:
            export_log.record(worker.log, entry, replace(entry, event="failed", reason=one_line(error)))
            raise
        key = object_key(place.creator_id, place.generation, report.name, sha256, kind.suffix, revoked=place.revoked)
        entry = replace(entry, row_count=row_count, byte_count=byte_count, sha256=sha256, object_key=key)
        export_log.record(worker.log, entry)  # with its key: there is no object of which the log does not know
        try:
            worker.store.put_file(key, file, kind.content_type, worker.download_name(document, kind))
        except Exception as error:
            export_log.record(worker.log, replace(entry, event="failed", reason=one_line(error)))
            raise
    finished = replace(entry, event="finished")
    export_log.record(worker.log, finished)
    return finished
