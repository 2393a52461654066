"""One creator's published rows as files in the store, with the log around the uploads.

Belongs here: deciding what is unchanged, rendering and uploading one file after the other. Does not: reading rows (frames), where they go (places), the list
of an edition's files (manifests), one export on request (exports), which creators, shards and processes (render), what a file looks
like (reports/). Imports no Dagster: worker processes start with it.
Over 200 lines: one worker, whose methods share its connections and the held place.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

import adbc_driver_postgresql.dbapi as adbc
import psycopg

from pipelines import export_log, frames, manifests, ownership, places, report_status, warehouse
from pipelines.catalog import Catalog, Report
from pipelines.export_log import Entry, LoggedEntry
from pipelines.places import Place
from pipelines.problem import one_line
from pipelines.settings import Settings
from pipelines.spending import Spending, peak_mb
from pipelines.store import Store, disposition, object_key
from reports.document import Document, Frame
from reports.formats import FORMATS, SIDECAR, Format

_UPLOADS = 4
"""Objects of a creator that are on their way at the same time: a store answers slower than it works."""


@dataclass(frozen=True)
class Order:
    """What one run is to render: `reports` of the catalogue in the edition of a day, and who asked.

    `Catalog.edition` gives the reports of a daily or a weekly edition.
    """

    run_id: str
    requested_by: str
    edition_on: date
    reports: tuple[str, ...]


@dataclass
class Tally:
    """What became of the creators and files of an order. `problems` holds a line per creator that failed.

    `spending` is by part: rows (reading and checking), files (rendering), uploads, manifest, rest (the log and the locks).
    """

    creators: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    byte_count: int = 0
    problems: list[str] = field(default_factory=list)
    spending: Spending = field(default_factory=Spending)

    def add(self, other: "Tally") -> None:
        """Take in the counts of another shard."""
        self.creators.update(other.creators)
        self.files.update(other.files)
        self.byte_count += other.byte_count
        self.problems.extend(other.problems)
        self.spending.add(other.spending)

    @property
    def success_rate(self) -> float:
        """Share of creators whose files are all there, 0 to 1; 1 when there were none."""
        total = self.creators.total()
        return 1.0 if total == 0 else 1 - self.creators["failed"] / total


@dataclass(frozen=True)
class _Planned:
    """A file of an edition before it is made: what it is made from, the log's row for it, and the last one of its kind."""

    report: Report
    format: Format
    document: Document
    entry: Entry
    last: LoggedEntry | None


@dataclass(frozen=True)
class _Made:
    """A file before its upload: the log's row that announces it, with key and size, and the bytes; or the reason why there are none."""

    started: Entry
    data: bytes
    reason: str | None = None


class Worker:
    """One process's connections and store; renders creators one after the other."""

    def __init__(self, settings: Settings, catalog: Catalog, order: Order) -> None:
        address = settings.require_database_url().get_secret_value()
        self.catalog, self.order, self.has_bom = catalog, order, settings.csv_bom
        self.store = Store(settings)
        self.log = warehouse.connect(settings, autocommit=True)
        self.log.execute("set role publisher")
        self._hold = warehouse.connect(settings)
        self._owners = warehouse.connect(settings, autocommit=True)
        ownership.prepare(self._owners)
        self._kept = {model.name for model in catalog.models.values() if model.is_kept}
        self.reader = adbc.connect(address)
        self._fingerprint = frames.renderer_fingerprint()
        self._spending = Spending()
        self._uploads = ThreadPoolExecutor(_UPLOADS, "upload")
        export_log.hold_rendering(self.log, order.run_id)

    def close(self) -> None:
        """Close all connections."""
        self._uploads.shutdown()
        self.reader.close()
        self._hold.close()
        self._owners.close()
        self.log.close()

    def render_shard(self, creators: Sequence[str]) -> Tally:
        """Render the creators of one shard."""
        tally = Tally()
        with self._spending.on_rest():
            for creator in creators:
                tally.add(self.render_creator(creator))
        self._spending.peak_mb = peak_mb()
        tally.spending, self._spending = self._spending, Spending()
        return tally

    def render_creator(self, creator_id: str) -> Tally:
        """All files of one creator, and last the manifest that names them."""
        tally = Tally()
        try:
            with places.held(self.log, self._hold, creator_id, is_alone=True) as place:
                latest = export_log.latest_files(self.log, creator_id)
                with self._spending.on("rows"):
                    planned = self._plan(creator_id, latest)
                ends = self._make_files(place, planned, tally)
                if ends and not tally.files["failed"]:
                    cadence = self.catalog.reports[ends[0].report].cadence
                    with self._spending.on("manifest"):
                        manifests.write(
                            self.store, self.log, manifests.Manifest(creator_id, cadence, ends), place.generation, place.revoked
                        )
            if ends and not tally.files["failed"]:
                report_status.note_made(self.log, creator_id, ends[0])
        except psycopg.OperationalError:
            raise  # the database is gone: that is everybody's trouble, not this creator's
        except Exception as error:
            tally.files["failed"] += 1
            tally.problems.append(f"creator {creator_id}: {one_line(error)}")
        state = "failed" if tally.files["failed"] else "done" if tally.files["finished"] else "unchanged"
        tally.creators[state] += 1
        if state == "failed":
            report_status.note_failed(self.log, creator_id, self.order.run_id, tally.problems[0])
        return tally

    def _plan(self, creator_id: str, latest: Mapping[tuple[str, str], LoggedEntry]) -> list[_Planned]:
        """The files that the order names, from one snapshot."""
        ordered = [self.catalog.reports[name] for name in self.order.reports]
        pages = [report for report in ordered if "html" in report.scheduled]
        before = export_log.edition_before(self.log, creator_id, pages[0].name, self.order.edition_on, self._as_of) if pages else None
        marts = {mart for report in ordered for mart in (report.marts if report in pages else (report.mart,))}
        bundle = frames.read_bundle(self.reader, self.catalog, creator_id, marts, before)
        self.require_owner(creator_id, bundle.frames.values())
        planned = []
        for report in ordered:
            document = bundle.document(report, last_report_as_of=before, has_bom=self.has_bom)
            kinds = [FORMATS[suffix] for suffix in report.scheduled]
            for kind in [*kinds, SIDECAR] if bundle.has_metadata and "csv" in report.scheduled else kinds:
                entry = self.entry(document, report, kind, creator_id, frames.digest_of(document, kind, self._fingerprint, bundle.digests))
                planned.append(_Planned(report, kind, document, entry, latest.get((report.name, kind.suffix))))
        return planned

    @cached_property
    def _as_of(self) -> datetime | None:
        row = self.log.execute("select as_of from analytics.published where table_name = 'creator_overview'").fetchone()
        return row[0] if row else None

    def require_owner(self, creator_id: str, found: Iterable[Frame]) -> None:
        """A `Problem` when a row that was read names anything of somebody else."""
        ownership.require(self._owners, creator_id, found, self._kept)

    def entry(self, document: Document, report: Report, kind: Format, creator_id: str, digest: str | None) -> Entry:
        """The log's row for a file that is about to be made."""
        return Entry(
            export_id=export_log.new_export_id(),
            event="started",
            run_id=self.order.run_id,
            requested_by=self.order.requested_by,
            creator_id=creator_id,
            report=report.name,
            format=kind.suffix,
            edition_on=self.order.edition_on,
            as_of=document.as_of,
            complete_through=document.complete_through,
            row_count=document.main.table.num_rows,
            content_digest=digest,
        )

    def _make_files(self, place: Place, planned: Sequence[_Planned], tally: Tally) -> list[Entry]:
        """Make what has changed and return all outcomes. All `started` rows, with their keys, are committed before the first upload:
        there is no object, however a run ends, of which the log does not know. All outcomes are committed after the last."""
        with self._spending.on("uploads"):  # asks the store whether the last ones are there
            kept = list(self._uploads.map(lambda one: self._is_kept(one, place), planned))
        with self._spending.on("files"):
            made = {one.entry.export_id: self._render(place, one) for one, is_kept in zip(planned, kept, strict=True) if not is_kept}
        export_log.record(self.log, *(one.started for one in made.values()))
        with self._spending.on("uploads"):
            sent = self._uploads.map(
                lambda one: self._upload(one, made[one.entry.export_id]), [one for one in planned if one.entry.export_id in made]
            )
            outcomes = {end.export_id: end for end in sent}
        ends = [outcomes.get(one.entry.export_id) or _unchanged(one) for one in planned]
        for end in outcomes.values():
            if end.reason is not None:
                tally.problems.append(f"creator {end.creator_id}: {end.reason}")
            else:
                tally.byte_count += end.byte_count or 0
        tally.files.update(end.event for end in ends)
        export_log.record(self.log, *(end for one, end in zip(planned, ends, strict=True) if end.event != "unchanged" or _is_news(one)))
        return ends

    def _render(self, place: Place, one: _Planned) -> _Made:
        """The bytes of a file, and where they go; or why there are none."""
        try:
            file = io.BytesIO()
            one.format.write(one.document, file)
        except Exception as error:
            return _Made(one.entry, b"", one_line(error))
        data = file.getvalue()
        sha256 = hashlib.sha256(data).hexdigest()
        key = object_key(place.creator_id, place.generation, one.report.name, sha256, one.format.suffix, revoked=place.revoked)
        return _Made(replace(one.entry, byte_count=len(data), sha256=sha256, object_key=key), data)

    def _upload(self, one: _Planned, made: _Made) -> Entry:
        """The outcome of one file: finished, or failed. Runs beside others, so it touches nothing but the store."""
        if made.reason is not None:
            return replace(made.started, event="failed", reason=made.reason)
        assert made.started.object_key is not None  # what was rendered has its place
        try:
            self.store.put(made.started.object_key, made.data, one.format.content_type, self.download_name(one.document, one.format))
        except Exception as error:
            return replace(made.started, event="failed", reason=one_line(error))
        return replace(made.started, event="finished")

    def download_name(self, document: Document, kind: Format) -> str:
        """The Content-Disposition of a file: its name for people."""
        return disposition(document.creator_name, document.title, self.order.edition_on, kind.suffix, is_inline=kind.is_inline)

    def _is_kept(self, one: _Planned, place: Place) -> bool:
        """Whether the object of an earlier run can serve on, because it has the same content."""
        last = one.last
        if last is None or last.content_digest != one.entry.content_digest:
            return False
        return self.store.can_keep(last.object_key, place.generation, place.revoked)


def _unchanged(one: _Planned) -> Entry:
    """The outcome of a file that serves on."""
    assert one.last is not None  # what is kept was made before
    last = one.last
    return replace(one.entry, event="unchanged", byte_count=last.byte_count, sha256=last.sha256, object_key=last.object_key)


def _is_news(one: _Planned) -> bool:
    """Whether the log does not have it yet that the last file serves this edition too."""
    return one.last is None or (one.last.edition_on, one.last.as_of) != (one.entry.edition_on, one.entry.as_of)
