"""One creator's published rows as files in the store, with the log around each upload.

Belongs here: deciding what is unchanged, rendering and uploading one file after the other. Does not: reading rows (frames),
which creators, shards and processes (render), what a file looks like (reports/). Imports no Dagster: worker processes start with it.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import adbc_driver_postgresql.dbapi as adbc
import psycopg

from pipelines import export_log, frames, ownership, revocation, warehouse
from pipelines.catalog import Catalog, Report
from pipelines.problem import Problem
from pipelines.settings import Settings
from pipelines.store import RENEWED_AFTER, Store, disposition, object_key
from reports.formats import FORMATS, Format


@dataclass(frozen=True)
class Order:
    """What one run is to render: `reports` of the catalogue in the edition of a day, and who asked."""

    run_id: str
    requested_by: str
    edition_on: date
    reports: tuple[str, ...]


@dataclass
class Tally:
    """What became of the creators and files of an order. `problems` holds a line per creator that failed."""

    creators: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    byte_count: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take in the counts of another shard."""
        self.creators.update(other.creators)
        self.files.update(other.files)
        self.byte_count += other.byte_count
        self.problems.extend(other.problems)

    @property
    def success_rate(self) -> float:
        """Share of creators whose files are all there, 0 to 1; 1 when there were none."""
        total = self.creators.total()
        return 1.0 if total == 0 else 1 - self.creators["failed"] / total


class Worker:
    """One process's connections and store; renders creators one after the other."""

    def __init__(self, settings: Settings, catalog: Catalog, order: Order) -> None:
        address = settings.require_database_url().get_secret_value()
        self._catalog, self._order = catalog, order
        self._store = Store(settings)
        self._log = warehouse.connect(settings, autocommit=True)
        self._log.execute("set role publisher")
        self._hold = warehouse.connect(settings)
        self._owners = warehouse.connect(settings, autocommit=True)
        self._kept = {model.name for model in catalog.models.values() if model.is_kept}
        self._reader = adbc.connect(address)
        self._fingerprint = frames.renderer_fingerprint()
        export_log.hold_rendering(self._log, order.run_id)

    def close(self) -> None:
        """Close all connections."""
        self._reader.close()
        self._hold.close()
        self._owners.close()
        self._log.close()

    def render_shard(self, creators: Sequence[str]) -> Tally:
        """Render the creators of one shard."""
        tally = Tally()
        for creator in creators:
            tally.add(self.render_creator(creator))
        return tally

    def render_creator(self, creator_id: str) -> Tally:
        """All files of one creator. Its generation is held from the first `started` to the last outcome, so that nobody revokes in between."""
        tally = Tally()
        try:
            generation = self._hold_generation(creator_id)
            bundle = frames.read_bundle(self._reader, self._catalog, creator_id)
            ownership.require(self._owners, creator_id, bundle.frames.values(), self._kept)
            latest = export_log.latest_files(self._log, creator_id)
            revoked = revocation.revoked_keys(self._log, creator_id)
            for name in self._order.reports:
                report = self._catalog.reports[name]
                for suffix in report.formats:
                    event, size = self._export(creator_id, (generation, revoked), bundle, report, suffix, latest.get((name, suffix)))
                    tally.files[event] += 1
                    tally.byte_count += size
        except psycopg.OperationalError:
            raise  # the database is gone: that is everybody's trouble, not this creator's
        except Exception as error:
            tally.files["failed"] += 1
            tally.problems.append(f"creator {creator_id}: {_one_line(error)}")
        finally:
            if not self._hold.closed:
                self._hold.rollback()
        state = "failed" if tally.files["failed"] else "done" if tally.files["finished"] else "unchanged"
        tally.creators[state] += 1
        return tally

    def _hold_generation(self, creator_id: str) -> str:
        self._log.execute("insert into ops.generations (creator_id) values (%s) on conflict do nothing", (creator_id,))
        warehouse.set_role(self._hold, "publisher")
        row = self._hold.execute("select generation from ops.generations where creator_id = %s for share", (creator_id,)).fetchone()
        self._hold.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"creator-reports render {creator_id}",))
        if row is None:
            raise Problem("its generation was removed while rendering; run again.")
        return row[0]

    def _export(
        self,
        creator_id: str,
        place: tuple[str, set[str]],
        bundle: frames.Bundle,
        report: Report,
        suffix: str,
        last: export_log.LoggedEntry | None,
    ) -> tuple[str, int]:
        """One file: unchanged, finished or failed, and its bytes when uploaded. `place` is the creator's generation, and its keys that were revoked."""
        fmt = FORMATS[suffix]
        digest = bundle.digest(report, suffix, self._fingerprint)
        entry = export_log.Entry(
            export_id=export_log.new_export_id(),
            event="started",
            run_id=self._order.run_id,
            requested_by=self._order.requested_by,
            creator_id=creator_id,
            report=report.name,
            format=suffix,
            edition_on=self._order.edition_on,
            as_of=bundle.as_of,
            complete_through=bundle.complete_through,
            row_count=bundle.frames[report.mart].table.num_rows,
            content_digest=digest,
        )
        if last is not None and last.content_digest == digest and self._is_kept(last, place):
            if (last.edition_on, last.as_of) != (entry.edition_on, entry.as_of):  # the same edition again leaves nothing to note
                export_log.record(
                    self._log, replace(entry, event="unchanged", byte_count=last.byte_count, sha256=last.sha256, object_key=last.object_key)
                )
            return "unchanged", 0
        data = self._render(entry, bundle, report, fmt)
        sha256 = hashlib.sha256(data).hexdigest()
        key = object_key(creator_id, place[0], report.name, sha256, fmt.suffix, revoked=place[1])
        entry = replace(entry, byte_count=len(data), sha256=sha256, object_key=key)
        export_log.record(self._log, entry)  # with its key: there is no object, however a run ends, of which the log does not know
        try:
            shown = disposition(bundle.creator_name, report.title, self._order.edition_on, fmt.suffix, is_inline=fmt.is_inline)
            self._store.put(key, data, fmt.content_type, shown)
        except Exception as error:
            export_log.record(self._log, replace(entry, event="failed", reason=_one_line(error)))
            raise
        export_log.record(self._log, replace(entry, event="finished"))
        return "finished", len(data)

    def _render(self, entry: export_log.Entry, bundle: frames.Bundle, report: Report, fmt: Format) -> bytes:
        """The bytes of a file; what cannot be rendered is noted as started and failed."""
        try:
            return fmt.render(bundle.document(report))
        except Exception as error:
            export_log.record(self._log, entry)
            export_log.record(self._log, replace(entry, event="failed", reason=_one_line(error)))
            raise

    def _is_kept(self, last: export_log.LoggedEntry, place: tuple[str, set[str]]) -> bool:
        """Whether the object of an earlier run can serve on: of this generation, not revoked, young enough, and there."""
        if last.object_key is None or f"/{place[0]}/" not in last.object_key or last.object_key in place[1]:
            return False
        age = self._store.age(last.object_key)
        return age is not None and age < RENEWED_AFTER


def _one_line(error: Exception) -> str:
    return " ".join(f"{error if isinstance(error, Problem) else f'{type(error).__name__}: {error}'}".split())[:500]
