"""Primary data, what the source forgets, saved as Parquet to a bucket of its own: one object per table and day, written again when its rows change.

Belongs here: which tables are kept, which days are not saved yet, the objects' keys. Does not: bringing them back (restoration), the objects (parquet).

Whoever changes a row marks its day in `ops.unsaved_days` in the same transaction. A save first moves the marks to `ops.days_being_saved`, under a lock that
waits for transactions that are marking, then reads everything from one snapshot: what commits later marks its day anew. Killed anywhere, the next save goes on.
Over 200 lines by the list of what is kept.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

import adbc_driver_postgresql.dbapi as adbc
import psycopg
from psycopg import sql

from pipelines import parquet, saved_index, warehouse
from pipelines.catalog import Catalog
from pipelines.problem import Problem
from pipelines.saved_index import Counts, SavedIndex
from pipelines.settings import Settings
from pipelines.store import Store

LOCK_NAME = "creator-reports save"
"""Advisory lock of a save or restore: one at a time."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class KeptTable:
    """A table of primary data. `saved_by` is the column by whose day (of an instant: in UTC) its rows are saved; None: small, one object for all."""

    schema: str
    name: str
    key: tuple[str, ...]
    saved_by: str | None = None
    is_instant: bool = True

    def day(self) -> sql.Composable:
        """SQL of the day of a row."""
        column = sql.Identifier(self.saved_by or "")
        return sql.SQL("({} at time zone 'UTC')::date").format(column) if self.is_instant else column

    def of_day(self, day_on: date) -> sql.Composable:
        """SQL of the condition for rows of a day, such that an index on the column serves."""
        bounds = [sql.Literal(f"{day} 00:00+00" if self.is_instant else str(day)) for day in (day_on, day_on + timedelta(days=1))]
        return sql.SQL("{0} >= {1} and {0} < {2}").format(sql.Identifier(self.saved_by or ""), *bounds)

    def object_key(self, day_on: date | None = None) -> str:
        """`<table>/<day>.parquet`, or `<table>.parquet` of a small one."""
        return f"{self.name}.parquet" if day_on is None else f"{self.name}/{day_on}.parquet"


OPENING = KeptTable("raw", "ledger_opening", ("is_only",))
ERASURES = KeptTable("ops", "erasures", ("student_digest",))
SMALL = (
    OPENING,
    ERASURES,
    KeptTable("raw", "creator_zones", ("creator_id", "valid_from")),
    KeptTable("raw", "tombstones", ("student_id",)),
    KeptTable("raw", "question_groups", ("creator_id", "question_id")),
    KeptTable("raw", "question_group_changes", ("creator_id", "question_id", "changed_as_of")),
)
"""Tables that are saved whole each night. The first one says which ledger it is."""
_GAINS = KeptTable("raw", "watch_gains", ("student_id", "video_id", "booked_no"), "observed_at")


@dataclass
class TableSaved:
    """What one save did to one table: objects and rows written, objects deleted since their day has no row any more."""

    table: str
    written_count: int = 0
    row_count: int = 0
    deleted_count: int = 0

    def add(self, row_count: int) -> None:
        """Count an object of so many rows."""
        self.written_count += 1
        self.row_count += row_count


def day_tables(catalog: Catalog) -> list[KeptTable]:
    """Tables that are saved by day: the ledger, and the models whose yml says `saved_by`."""
    return [_GAINS] + [
        KeptTable(model.schema, model.name, model.grain, model.saved_by, model.columns[model.saved_by] != "date")
        for model in catalog.models.values()
        if model.saved_by
    ]


def save(settings: Settings, catalog: Catalog, *, say: Say = lambda line: None) -> list[TableSaved]:
    """Write the small tables, the days that changed, those that the bucket lacks, and the index; what was done per table.

    Nothing happens before the first booking. A `Problem` when the bucket holds another database's ledger: that one is never overwritten.
    """
    store = Store(settings, is_ledger=True)
    store.require()
    with warehouse.connect(settings, autocommit=True) as notes:
        notes.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (LOCK_NAME,))
        opening = notes.execute("select ledger_id::text from raw.ledger_opening").fetchone()
        if opening is None:
            say("there is no ledger yet, so there is nothing to save")
            return []
        _require_own(store, opening[0])
        found = saved_index.read(store)
        save_id, is_own = saved_index.begin(notes, found)
        if found and not is_own:
            say(f"bucket {store.bucket} was not written by the last save of this database, so all days are written")
        tables = day_tables(catalog)
        _take_days(notes, [table.name for table in tables])
        with _snapshot(settings) as cursor:
            counts = {table.name: _count_days(cursor, table) for table in tables}
            done = {table.name: TableSaved(table.name) for table in (*SMALL, *tables)}
            _delete_days(store, found, tables, counts, done)
            for table in SMALL:
                done[table.name].add(_write(cursor, store, table))
            for table in tables:
                now = counts[table.name]
                before = now if found is None else found.counts.get(table.name, {}) if is_own else {}
                _write_days(cursor, notes, store, table, (now, before), done[table.name], say)
        saved_index.write(store, SavedIndex(save_id, counts))
        saved_index.finish(notes, save_id)
    return list(done.values())


def _require_own(store: Store, ledger_id: str) -> None:
    rows = parquet.read_values(store, OPENING.object_key())
    if rows and str(rows[0]["ledger_id"]) != ledger_id:
        raise Problem(
            f"bucket {store.bucket} holds the ledger of another database, so nothing was saved; bring it back with `creator-reports restore-ledger --force`,"
            " or set LEDGER_BUCKET to an empty bucket."
        )


def _take_days(notes: psycopg.Connection, names: list[str]) -> None:
    """Take the marks on. The lock waits for transactions that have marked days and not committed, and keeps new ones waiting for a moment."""
    with notes.transaction():
        notes.execute("lock table ops.unsaved_days in share row exclusive mode")
        notes.execute(
            "insert into ops.days_being_saved select * from ops.unsaved_days where table_name = any(%s) on conflict do nothing", (names,)
        )
        notes.execute("delete from ops.unsaved_days where table_name = any(%s)", (names,))


@contextmanager
def _snapshot(settings: Settings) -> Iterator[adbc.Cursor]:
    with adbc.connect(settings.require_database_url().get_secret_value()) as connection:
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
            yield cursor
        connection.rollback()


def _count_days(cursor: adbc.Cursor, table: KeptTable) -> dict[date, int]:
    query = sql.SQL("select {} as day_on, count(*) from {} group by 1").format(table.day(), sql.Identifier(table.schema, table.name))
    cursor.execute(query.as_string())
    return dict(cursor.fetchall())


def _write(cursor: adbc.Cursor, store: Store, table: KeptTable, day_on: date | None = None) -> int:
    condition = table.of_day(day_on) if day_on else sql.SQL("true")
    return parquet.write_rows(cursor, store, table.object_key(day_on), (table.schema, table.name), condition, table.key)


def _delete_days(store: Store, found: SavedIndex | None, tables: list[KeptTable], counts: Counts, done: Mapping[str, TableSaved]) -> None:
    """Delete the objects of days that have no row any more. First the index leaves them out: it never names what is not there."""
    gone = {}
    for table in tables:
        there, wanted = store.keys(f"{table.name}/"), {table.object_key(day) for day in counts[table.name]}
        gone[table.name] = [key for key in there if key not in wanted]
    if found and any(gone.values()):
        left = {name: {day: count for day, count in days.items() if day in counts.get(name, {})} for name, days in found.counts.items()}
        saved_index.write(store, SavedIndex(found.save_id, left))
    for name, keys in gone.items():
        for key in keys:
            store.delete(key)
        done[name].deleted_count = len(keys)


def _write_days(
    cursor: adbc.Cursor,
    notes: psycopg.Connection,
    store: Store,
    table: KeptTable,
    now_and_before: tuple[Mapping[date, int], Mapping[date, int]],
    done: TableSaved,
    say: Say,
) -> None:
    """Write the days that are marked, those without an object, and those whose number of rows is not the saved one. A mark is gone once its object is there."""
    now, before = now_and_before
    taken = {row[0] for row in notes.execute("select day_on from ops.days_being_saved where table_name = %s", (table.name,))}
    there = set(store.keys(f"{table.name}/"))
    days = sorted(day for day, count in now.items() if day in taken or table.object_key(day) not in there or before.get(day) != count)
    for day_on in days:
        done.add(_write(cursor, store, table, day_on))
        notes.execute("delete from ops.days_being_saved where table_name = %s and day_on = %s", (table.name, day_on))
        if done.written_count % 30 == 0:
            say(f"{table.name}: {done.written_count} of {len(days)} days saved")
    notes.execute("delete from ops.days_being_saved where table_name = %s", (table.name,))
