"""Exports that somebody asked for: read as a stream, rendered, uploaded, noted in the log.

Belongs here: making the files of one reading. Does not: how rows come from one reader to several writers (pipes), which exports there are
(export_wishes), queues, limits, links (the caller sees to them), the files of scheduled editions (creator_files).
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from threading import BoundedSemaphore
from typing import BinaryIO, TypeVar, cast

import pyarrow as pa
from adbc_driver_postgresql import StatementOptions

from pipelines import export_log, frames, places, warehouse
from pipelines.creator_files import Worker
from pipelines.export_log import Entry
from pipelines.export_wishes import Selection, Wanted, check
from pipelines.pipes import Pipe, pass_on
from pipelines.places import Place
from pipelines.problem import one_line
from pipelines.settings import Settings
from pipelines.store import object_key
from reports.document import Document, Frame
from reports.formats import FORMATS, SIDECAR, Format

T = TypeVar("T")

Made = list[Entry] | Exception
"""What became of a wish: the log's rows of what was uploaded, with keys, rows and bytes, or what went wrong, which the log has too. The second row is a
CSV's metadata, where wanted."""

_GROUPS = 2
_IN_MEMORY = 8 << 20  # a larger file is rendered on disk
_BATCH_BYTES = 2 << 20
"""Rows that the driver reads ahead of us: its own measure, 16 MiB, is more than all the rest that an export holds in memory."""


class Exporter:
    """Makes the exports of one worker, group after group: the rows of one group are read while the files of the one before go up.

    The wishes of a group differ in format alone; their rows are read once for all of them. Two groups at most are under way, and their files lie on disk.
    """

    def __init__(self, settings: Settings, worker: Worker) -> None:
        self.worker, self._settings = worker, settings
        self._room = BoundedSemaphore(_GROUPS)
        self._files = ThreadPoolExecutor(_GROUPS * len(FORMATS), "export")
        self._ends = ThreadPoolExecutor(_GROUPS, "export end")

    def __enter__(self) -> "Exporter":
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for all that is under way."""
        self._ends.shutdown()
        self._files.shutdown()

    def begin(self, asked: Sequence[Wanted], then: Callable[[list[Made]], T]) -> Future[T]:
        """Read the rows of a group, and what `then` makes of its files when they have all gone up, one for each wish.

        The caller has seen to it that the creator may have them: entitled, gate open. The bytes follow from the rows alone, so asking again while
        nothing changed gives the same key. Raises what stands in the way of reading.
        """
        self._room.acquire()
        with ExitStack() as stack:
            stack.callback(self._room.release)
            hold = stack.enter_context(warehouse.connect(self._settings))
            place = stack.enter_context(places.held(self.worker.log, hold, asked[0].creator_id, is_alone=False))
            files = self._read(place, asked)
            return self._ends.submit(_end, stack.pop_all(), files, then)

    def make(self, wanted: Wanted) -> list[Entry]:
        """Make one file alone; a failure is raised. See `Made`."""
        (made,) = self.make_all([wanted])
        if isinstance(made, Exception):
            raise made
        return made

    def make_all(self, asked: Sequence[Wanted]) -> list[Made]:
        """Make the files of one group and wait for them."""
        return self.begin(asked, lambda made: made).result()

    def _read(self, place: Place, asked: Sequence[Wanted]) -> list[Future[list[Entry]]]:
        """Pass the rows to a writer for each wish, which goes on to the store by itself."""
        selections = [check(self.worker.catalog, wanted) for wanted in asked]
        with _opened(self.worker, asked[0], selections[0]) as document:
            pipes = [Pipe() for _ in asked]
            files = [
                self._files.submit(_make_files, self.worker, place, wanted, selection.format, document, pipe)
                for wanted, selection, pipe in zip(asked, selections, pipes, strict=True)
            ]
            pass_on(document.main.stream or (), pipes)
        return files


def _end(held: ExitStack, files: Sequence[Future[list[Entry]]], then: Callable[[list[Made]], T]) -> T:
    with held:
        return then([_outcome(file.exception()) or file.result() for file in files])


def _outcome(error: BaseException | None) -> Exception | None:
    if error is not None and not isinstance(error, Exception):
        raise error
    return error


def _make_files(worker: Worker, place: Place, wanted: Wanted, kind: Format, document: Document, pipe: Pipe) -> list[Entry]:
    report = worker.catalog.reports[wanted.export_type]
    document = replace(document, main=replace(document.main, stream=pipe.batches()))
    entry = worker.entry(document, report, kind, wanted.creator_id, None)
    entry = replace(entry, edition_on=None, row_count=None, requested_by=wanted.requested_by or entry.requested_by)
    try:
        made = [_make_one(worker, place, kind, document, entry)]
    finally:
        pipe.drain()
    if document.has_metadata and kind.suffix == "csv":
        entry = replace(entry, export_id=export_log.new_export_id(), format=SIDECAR.suffix)
        made.append(_make_one(worker, place, SIDECAR, document, entry))
    return made


@contextmanager
def _opened(worker: Worker, wanted: Wanted, selection: Selection) -> Iterator[Document]:
    """The document of the export; its rows come from the database while they are written."""
    mart = worker.catalog.marts[selection.report.mart]
    with frames.snapshot(worker.reader, wanted.creator_id) as cursor:
        bundle = frames.open_bundle(cursor, mart.name)
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


def _make_one(worker: Worker, place: Place, kind: Format, document: Document, entry: Entry) -> Entry:
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
        key = object_key(place.creator_id, place.generation, entry.report, sha256, kind.suffix, revoked=place.revoked)
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
