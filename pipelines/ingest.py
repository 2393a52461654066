"""Source to `incoming`: what changed since the watermarks, all tables from one snapshot. The only step that touches the source.

Belongs here: what is read, from when on, in which order, and when the run stops. Does not: the statements that read (snapshot), whether the source is as
agreed (contract_check), what is bad (quarantine), what becomes of the rows (booking), value rules (expectations).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from pipelines import contract_check, deletions, key_comparison, mirror_tables, quarantine, warehouse
from pipelines.catalog import SourceTable
from pipelines.erasure import STUDENTS
from pipelines.problem import Problem
from pipelines.settings import Settings
from pipelines.snapshot import Snapshot

Say = Callable[[str], None]

_STAND = """
select
    statement_timestamp(),
    case
        when pg_is_in_recovery() then case
            -- All that came is replayed and more would come: behind by nothing, however long ago the last commit was.
            when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() and exists (select from pg_stat_wal_receiver where pid is not null)
                then statement_timestamp()
            else pg_last_xact_replay_timestamp()
        end
        else (
            select min(coalesce(w.latest_end_time, 'epoch'))
            from pg_subscription s
            left join pg_stat_subscription w on w.subid = s.oid and w.relid is null
            where s.subenabled and s.subdbid = (select oid from pg_database where datname = current_database()))
    end
"""
"""The source's clock, and where it is a replica (a standby, or a subscriber) the instant up to which it follows; `epoch` when its worker does not run."""

_LARGE_ROWS = 10_000
"""Below this many rows a scan costs no more than an index would."""


_WORK_MEM = "64MB"
"""So that all keys of a large table are compared, and rows judged, by hashes in memory."""


@dataclass(frozen=True)
class TableRead:
    """What one run read of one table: rows that changed, those that no run had read although they are old, and how many rows were set aside."""

    table: str
    read_count: int
    missed_count: int
    set_aside_count: int


def read_source(
    settings: Settings,
    tables: Iterable[SourceTable],
    run: warehouse.Run,
    *,
    is_nightly: bool,
    accepts_deletions: bool = False,
    say: Say,
) -> list[TableRead]:
    """Fill `incoming` with the rows changed since the watermarks, all `tables` (parents first) from one repeatable-read snapshot.

    The same database is read set-based, another one through COPY. Nothing in `raw` moves. Nightly all keys are compared, so that rows that were missed are
    read and those that are gone are noted. A `Problem` names a missing table or column, a column of another type, a table with too many bad rows (they are in
    ops.quarantine then), or one that lost too many rows, unless the run `accepts_deletions`.
    """
    named = {table.name: table for table in tables}
    with warehouse.connect(settings) as target:
        mirror_tables.make(target, list(named.values()))
        target.commit()
        target.execute("set transaction isolation level repeatable read")
        with _open_source(settings, target) as source:
            snapshot, complete_through = _take_snapshot(settings, source, target, named, run)
            counts = _fill(settings, snapshot, named, is_nightly)
            lost = [] if accepts_deletions else key_comparison.find_stops(snapshot, named.values())
            deletions.drop_erased(target, named, run.as_of)
            reads, bad = _judge_all(snapshot, named, counts)
            stop = _say_stop(lost, bad)
            for item in reads:
                if item.read_count:
                    say(f"{item.table}: {item.read_count:,} rows changed")
            if not stop:
                target.execute(
                    "insert into incoming.snapshot (started_at, complete_through, read_at) values (%s, %s, transaction_timestamp())",
                    (snapshot.clock, complete_through),
                )
    if stop:
        raise Problem(stop)
    return reads


@contextmanager
def _open_source(settings: Settings, target: psycopg.Connection) -> Iterator[psycopg.Connection]:
    if warehouse.describe(settings.source_address) == warehouse.describe(settings.require_database_url().get_secret_value()):
        yield target
        return
    with warehouse.open_connection(settings.source_address, setting="SOURCE_URL") as source:
        source.execute("set transaction isolation level repeatable read, read only")
        yield source


def _take_snapshot(
    settings: Settings, source: psycopg.Connection, target: psycopg.Connection, tables: Mapping[str, SourceTable], run: warehouse.Run
) -> tuple[Snapshot, datetime]:
    """The snapshot, and up to when the source is complete in it."""
    contract_check.require_agreed(source, settings.source_schema, tables.values())
    row = source.execute(_STAND.encode()).fetchone()
    assert row is not None  # a select without from always gives one row
    target.execute("drop table if exists incoming.snapshot")
    target.execute(
        "create unlogged table incoming.snapshot (started_at timestamptz not null, complete_through timestamptz not null, read_at timestamptz not null)"
    )
    complete_through = min(moment for moment in (run.as_of, *row) if moment is not None) - timedelta(minutes=settings.late_commit_minutes)
    return Snapshot(source, target, settings.source_schema, row[0]), complete_through


def _fill(settings: Settings, snapshot: Snapshot, tables: Mapping[str, SourceTable], is_nightly: bool) -> dict[str, int]:
    """Read all tables and what belongs to the rows read; how many rows changed, by table."""
    marks = dict(snapshot.target.execute("select table_name, watermark from ops.watermarks").fetchall())
    snapshot.target.execute("delete from incoming.gone")
    changed = {}
    for name, table in tables.items():
        changed[name] = snapshot.read_changed(table, _since(settings, table, marks.get(name), is_nightly))
        quarantine.read_again(snapshot, table)
    key_comparison.read_again(snapshot, tables[STUDENTS])
    if is_nightly:
        for table in tables.values():
            key_comparison.compare_keys(snapshot, table, tables)
    for table in reversed(list(tables.values())):
        quarantine.read_parents(snapshot, table, tables)
    return changed


def _judge_all(snapshot: Snapshot, tables: Mapping[str, SourceTable], counts: Mapping[str, int]) -> tuple[list[TableRead], list[str]]:
    """Set bad rows aside; with the reasons to stop, where too many of a table are bad."""
    reads, stops = [], []
    for name, table in tables.items():
        changed, missed = counts[name], key_comparison.count_missed(snapshot.target, table)
        judgement = quarantine.judge(snapshot, table, tables, changed + missed)
        reads.append(TableRead(name, changed, missed, judgement.set_aside_count))
        stops += [judgement.stop] if judgement.stop else []
    return reads, stops


def _say_stop(lost: list[str], bad: list[str]) -> str | None:
    """Why the run has to stop, in one line; None when it has not."""
    if lost:
        return (
            f"{'; '.join(lost[:3])}. Nothing was deleted or booked; mend the source, or pass --accept-deletions to follow them"
            " (`creator-reports run daily --accept-deletions`)."
        )
    return f"{'; '.join(bad[:3])}. Nothing was booked; see ops.quarantine, mend the source, then run again." if bad else None


def _since(settings: Settings, table: SourceTable, mark: datetime | None, is_nightly: bool) -> datetime | None:
    if mark is None:
        return None
    if is_nightly:
        return mark - timedelta(days=max(settings.nightly_overlap_days, table.reread_nightly_days or 0))
    return mark - max(timedelta(hours=settings.overlap_hours), timedelta(days=table.reread_days or 0))


def missing_indexes(settings: Settings, tables: Iterable[SourceTable]) -> list[str]:
    """`table.column` of each watermark column that no index of the source leads with, where the table is large enough for it to matter."""
    with warehouse.open_connection(settings.source_address, setting="SOURCE_URL") as source:
        schema = (settings.source_schema,)
        led = source.execute(
            """select c.relname, a.attname from pg_index i join pg_class c on c.oid = i.indrelid
                   join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
               where c.relnamespace = to_regnamespace(%s)""",
            schema,
        ).fetchall()
        sizes = dict(source.execute("select relname, reltuples from pg_class where relnamespace = to_regnamespace(%s)", schema).fetchall())
    return [f"{t.name}.{t.watermark}" for t in tables if (t.name, t.watermark) not in set(led) and sizes.get(t.name, 0) >= _LARGE_ROWS]
