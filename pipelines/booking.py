"""`incoming` to `raw`: the booking transaction.

Belongs here: everything between the snapshot and the mirror, watermarks included. Does not: the tables of both (mirror_tables), reading the source
(ingest), rows set aside (quarantine), the ledger's arithmetic (ledger), what the changes touch (touching).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from pipelines import additions, deletions, ledger, models, quarantine, question_booking, touching, warehouse
from pipelines.catalog import Catalog, SourceTable
from pipelines.problem import Problem
from pipelines.settings import Settings

Say = Callable[[str], None]


@dataclass(frozen=True)
class TableBooked:
    """What one run booked of one table: rows of `incoming`, how many of them differed from `raw`, and how many rows are gone."""

    table: str
    row_count: int
    changed_count: int
    gone_count: int


_WORTH_ANALYZING = 1000
"""Changed rows below which no plan depends on what the planner knows."""

_DIFFERING = """
with differing as materialized (
    select v.* from {incoming} i
    left join {raw} t on {same}
    cross join lateral (values
        ({coming}, case when t.{first} is null or {moved} then 'insert' else 'update' end),
        ({kept}, case when t.{first} is null then null when {moved} then 'delete' else 'old' end)
    ) as v ({names}, op)
    where v.op is not null and (t.{first} is null or ({old}) is distinct from ({new}))
),

noted as (insert into {changed} ({names}, op) select {names}, op from differing)

insert into {raw} ({names}) select {names} from differing where op in ('insert', 'update') on conflict ({key}) do update set {sets}
"""
"""What differs is kept aside, as it was and as it is, and written. What went from one creator to another left the one and came to the other."""
_UNTRACKED = """
insert into {raw} ({names})
select {names} from {incoming} i where not exists (select from {raw} t where {same} and ({old}) is not distinct from ({new}))
on conflict ({key}) do update set {sets}
"""
"""What differs is written. Either way most rows that are read again are as they were: `on conflict` alone would lock each of them, and log that."""


def book(settings: Settings, catalog: Catalog, run: warehouse.Run, *, say: Say) -> list[TableBooked]:
    """Merge `incoming` into `raw`, append to the ledger, note what was touched and move the watermarks, all in one transaction of the run that holds the lock."""
    tables, built = list(catalog.sources.values()), catalog.models
    with warehouse.owned_transaction(settings, run) as connection:
        snapshot = connection.execute("select started_at, complete_through from incoming.snapshot").fetchone()
        if snapshot is None:
            raise Problem("there is no snapshot to book; run the whole job, so that the source is read first.")
        since = _booked_as_of(connection, run)
        whole = models.outdated(connection, built)
        pieces = [model for model in built.values() if model.touch_key and model.name not in whole]
        additions.clear(connection, built.values())
        touching.forget(connection, [*whole, *(touching.touched_counts(connection).keys() - built.keys())])
        is_tracked = bool(pieces) and since is not None
        if is_tracked:
            touching.open_changes(connection, tables)
        deletions.drop_erased(connection, catalog.sources, run.as_of)
        gone = deletions.apply(connection, catalog, run.as_of, is_tracked=is_tracked, say=say)
        booked = _book_tables(connection, tables, run, snapshot[0], gone, is_tracked=is_tracked)
        _analyze_grown(connection, booked)
        question_booking.note(connection)
        if is_tracked and since is not None:
            count = touching.touch(connection, tables, pieces, since, run.as_of)
            say(f"touched {count:,} keys")
            if gone:  # whichever run builds next: who is gone waits in no daily table for a night
                touching.stop_waiting(connection)
        connection.execute(
            "update ops.build set booked_run_id = %s, booked_as_of = %s, complete_through = %s, state = 'building'",  # marts lag behind `raw` now
            (run.run_id, run.as_of, snapshot[1]),
        )
    say(f"booked {sum(table.changed_count for table in booked):,} changed rows of {len(booked)} tables")
    return booked


def _booked_as_of(connection: psycopg.Connection, run: warehouse.Run) -> datetime | None:
    row = connection.execute("select booked_as_of from ops.build").fetchone()
    since = row[0] if row else None
    if since is not None and run.as_of < since:
        raise Problem(
            f"rows are booked up to {since:%Y-%m-%d %H:%M} UTC already; {run.as_of:%Y-%m-%d %H:%M} is earlier. Tables never go back."
        )
    return since


def _book_tables(
    connection: psycopg.Connection,
    tables: list[SourceTable],
    run: warehouse.Run,
    snapshot_at: datetime,
    gone: Mapping[str, int],
    *,
    is_tracked: bool,
) -> list[TableBooked]:
    changed = {table.name: _merge(connection, table, is_tracked=is_tracked) for table in tables if table.name != ledger.TABLE}
    ledger.book_zones(connection, run)
    for table in tables:
        if table.name == ledger.TABLE:  # last, since a gain belongs to the owner of its video
            ledger.book_gains(connection, run)
            changed[table.name] = _merge(connection, table, is_tracked=is_tracked, rows=ledger.SOURCE_ROWS, more=ledger.COLUMNS)
    booked = []
    for table in tables:
        count = _move_watermark(connection, table, run, snapshot_at)
        quarantine.release(connection, table)
        booked.append(TableBooked(table.name, count, changed[table.name], gone.get(table.name, 0)))
    quarantine.refresh_gates(connection, run)
    return booked


def _merge(
    connection: psycopg.Connection, table: SourceTable, *, is_tracked: bool, rows: str | None = None, more: tuple[str, ...] = ()
) -> int:
    """Take the rows of `incoming` (or of `rows`, with the columns `more`) into `raw`; with `is_tracked` both versions of what changed are kept aside."""
    all_names = (*table.columns, *more)
    names = [sql.Identifier(name) for name in all_names]
    others = [sql.Identifier(name) for name in all_names if name not in table.key] or names
    compared = [sql.Identifier(name) for name in table.columns if name not in table.key] or names
    listed = sql.SQL(", ").join
    parts = {
        "raw": sql.Identifier("raw", table.name),
        "incoming": warehouse.trusted_sql(rows) if rows else sql.Identifier("incoming", table.name),
        "changed": sql.Identifier("pg_temp", f"changed_{table.name}"),
        "names": listed(names),
        "key": listed(map(sql.Identifier, table.key)),
        "first": sql.Identifier(table.key[0]),
        "moved": sql.SQL("t.creator_id is distinct from i.creator_id" if "creator_id" in table.columns else "false"),
        "same": sql.SQL(" and ").join(sql.SQL("t.{0} = i.{0}").format(sql.Identifier(name)) for name in table.key),
        "sets": listed(sql.SQL("{0} = excluded.{0}").format(name) for name in others),
        "old": listed(sql.SQL("t.{}").format(name) for name in compared),
        "new": listed(sql.SQL("i.{}").format(name) for name in compared),
        "coming": listed(sql.SQL("i.{}").format(name) for name in names),
        "kept": listed(sql.SQL("t.{}").format(name) for name in names),
    }
    return connection.execute(sql.SQL(_DIFFERING if is_tracked else _UNTRACKED).format(**parts)).rowcount


def _analyze_grown(connection: psycopg.Connection, booked: list[TableBooked]) -> None:
    """Tell the planner of tables that are new or grew by much: the models that read them come before autovacuum would."""
    for table in booked:
        names = [table.table, "watch_gains"] if table.table == ledger.TABLE else [table.table]
        for name in names:
            row = connection.execute("select reltuples from pg_class where oid = to_regclass(%s)", (f"raw.{name}",)).fetchone()
            if row and table.changed_count >= _WORTH_ANALYZING and table.changed_count * 5 >= row[0]:
                connection.execute(sql.SQL("analyze {}").format(sql.Identifier("raw", name)))


def _move_watermark(connection: psycopg.Connection, table: SourceTable, run: warehouse.Run, snapshot_at: datetime) -> int:
    """Note how far the table is booked: never past the run's instant, so that what lay after it is read again. Rows that were read."""
    utc = sql.SQL("") if table.columns[table.watermark].endswith("with time zone") else sql.SQL(" at time zone 'UTC'")
    row = connection.execute(
        sql.SQL("select count(*), least(max({}){}, %s, %s) from {}").format(
            sql.Identifier(table.watermark), utc, sql.Identifier("incoming", table.name)
        ),
        (snapshot_at, run.as_of),
    ).fetchone()
    assert row is not None  # an aggregate without group by always gives one row
    if row[0]:
        connection.execute(
            """insert into ops.watermarks (table_name, watermark, run_id) values (%s, %s, %s) on conflict (table_name)
               do update set watermark = greatest(watermarks.watermark, excluded.watermark), run_id = excluded.run_id""",
            (table.name, row[1], run.run_id),
        )
    return row[0]
