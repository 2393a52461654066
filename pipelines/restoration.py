"""The saved ledger back into a database that lost it: all primary data in one transaction, so that nothing is ever half restored.

Belongs here: when a restore is refused, what it replaces, what has to follow it. Does not: the objects (parquet), saving (keeping), who is erased (erasure).

What follows from primary data and the mirror is not restored: the next run reads the source anew, finds in the ledger where each progress row stands, and
builds all models whole.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pipelines import erasure, keeping, mirror_tables, parquet, publish, saved_index, warehouse
from pipelines.catalog import Catalog
from pipelines.keeping import KeptTable
from pipelines.models import Model
from pipelines.problem import Problem
from pipelines.settings import Settings
from pipelines.store import Store

JOB = "restore-ledger"
Say = Callable[[str], None]


@dataclass(frozen=True)
class TableRestored:
    """What came back of one table: objects and rows."""

    table: str
    object_count: int
    row_count: int


def restore(settings: Settings, catalog: Catalog, *, is_forced: bool = False, say: Say = lambda line: None) -> list[TableRestored]:
    """Bring all saved primary data back, under the run lock and in one transaction; what came back per table.

    Refused when the database has a ledger, unless `is_forced`: then it is replaced. Erasures are replayed, those of the database and those of the bucket.
    """
    store = Store(settings, is_ledger=True)
    store.require()
    with warehouse.connect(settings) as connection:
        warehouse.require_init(connection)
    index = saved_index.read(store)
    if index is None:
        raise Problem(f"bucket {store.bucket} holds no saved ledger (no {saved_index.KEY}); check LEDGER_BUCKET.")
    guard = warehouse.RunGuard(settings)
    now = warehouse.current_hour()
    try:
        run = guard.enter(warehouse.Run(str(uuid.uuid4()), JOB, now), say, lambda connection: publish.reached_as_of(connection) or now)
        with warehouse.owned_transaction(settings, run) as connection:
            connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (keeping.LOCK_NAME,))
            _make_tables(connection, catalog)
            if not is_forced:
                _require_empty(connection, catalog)
            _empty(connection, catalog)
            done = [_restore_small(connection, store, table) for table in keeping.SMALL]
            for table in keeping.day_tables(catalog):
                keys = {table.object_key(day_on) for day_on in index.counts.get(table.name, {})}
                done.append(_restore_days(connection, store, table, keys, say))
            saved_index.finish(connection, index.save_id)
            count = erasure.replay(connection, keeping.day_tables(catalog))
    finally:
        guard.leave()
    if count:
        say(f"{count:,} students who were erased stand under random ids again")
    return done


def _make_tables(connection: psycopg.Connection, catalog: Catalog) -> None:
    mirror_tables.make(connection, list(catalog.sources.values()))
    for model in catalog.models.values():
        if model.saved_by:
            connection.execute(_table_sql(model))


def _table_sql(model: Model) -> sql.Composed:
    """The table as the first run would make it; columns and indexes that are missing are added by that run."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), warehouse.trusted_sql(kind)) for name, kind in model.columns.items()
    )
    key = sql.SQL(", ").join(map(sql.Identifier, model.grain))
    return sql.SQL("create table if not exists {} ({}, primary key ({}))").format(sql.Identifier(model.schema, model.name), columns, key)


def _require_empty(connection: psycopg.Connection, catalog: Catalog) -> None:
    for table in (keeping.OPENING, *keeping.day_tables(catalog)):
        query = sql.SQL("select exists (select from {})").format(sql.Identifier(table.schema, table.name))
        if connection.execute(query).fetchone() == (True,):
            raise Problem(
                f"this database has a ledger already ({table.schema}.{table.name} holds rows), so nothing was restored; point DATABASE_URL at a fresh database,"
                " or replace what is there with `creator-reports restore-ledger --force`."
            )


def _empty(connection: psycopg.Connection, catalog: Catalog) -> None:
    """Take away primary data that is there, and all that rests on it: the mirror with its watermarks is read anew, and the models are built whole.

    Erasures stay: who was erased here since the save stays erased. Published rows stay until the next run publishes.
    """
    kept = [table for table in (*keeping.SMALL, *keeping.day_tables(catalog)) if table is not keeping.ERASURES]
    names = [sql.Identifier(table.schema, table.name) for table in kept]
    names += [sql.Identifier("raw", name) for name in catalog.sources]
    names += [sql.Identifier("ops", name) for name in ("watermarks", "models", "touched", "unsaved_days", "days_being_saved")]
    connection.execute(sql.SQL("truncate {}").format(sql.SQL(", ").join(names)))
    connection.execute("delete from ops.build")
    connection.execute("insert into ops.build default values")


def _restore_small(connection: psycopg.Connection, store: Store, table: KeptTable) -> TableRestored:
    name = sql.Identifier(table.schema, table.name)
    connection.execute(sql.SQL("create temp table restored (like {} including defaults) on commit drop").format(name))
    count = parquet.copy_rows(connection, store, table.object_key(), sql.Identifier("pg_temp", "restored"))
    connection.execute(sql.SQL("insert into {} select * from pg_temp.restored on conflict do nothing").format(name))
    connection.execute("drop table pg_temp.restored")
    return TableRestored(table.name, 1, count)


def _restore_days(connection: psycopg.Connection, store: Store, table: KeptTable, indexed: set[str], say: Say) -> TableRestored:
    """The days of the index, and those that a save wrote which was stopped before it renewed the index."""
    name = sql.Identifier(table.schema, table.name)
    keys = sorted(indexed | set(store.keys(f"{table.name}/")))
    rows = 0
    for number, key in enumerate(keys, start=1):
        rows += parquet.copy_rows(connection, store, key, name)
        if number % 30 == 0 or number == len(keys):
            say(f"{table.name}: {number} of {len(keys)} days, {rows:,} rows")
    connection.execute(sql.SQL("analyze {}").format(name))
    return TableRestored(table.name, len(keys), rows)
