"""`incoming` to quarantine and `raw`: the tables of both, rows set aside, and the booking transaction.

Belongs here: everything between the snapshot and the mirror, watermarks included. Does not: reading the source (ingest), value rules (expectations).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from pipelines import warehouse
from pipelines.catalog import SourceTable
from pipelines.problem import Problem
from pipelines.settings import Settings

Say = Callable[[str], None]


@dataclass(frozen=True)
class TableBooked:
    """What one run booked of one table: rows of `incoming`, and how many of them differed from `raw`."""

    table: str
    row_count: int
    changed_count: int


def _key_text(table: SourceTable) -> sql.Composable:
    return sql.SQL(" || '/' || ").join(sql.SQL("coalesce(r.{}::text, 'null')").format(sql.Identifier(name)) for name in table.key)


def set_aside(target: psycopg.Connection, table: SourceTable) -> int:
    """Move rows that break the table's row rules, and all but the newest of rows with one key, to `ops.quarantine`."""
    incoming, key = sql.Identifier("incoming", table.name), _key_text(table)
    creator = sql.SQL("min(r.creator_id::text)" if "creator_id" in table.columns else "null::text")
    keys = sql.SQL(", ").join(map(sql.Identifier, table.key))
    twice = sql.SQL(
        "r.ctid in (select ctid from (select ctid, row_number() over (partition by {} order by {} desc nulls last, ctid desc) as n from {}) t where n > 1)"
    )
    rules: Mapping[str, sql.Composable] = {reason: warehouse.trusted_sql(condition) for reason, condition in table.set_aside.items()}
    rules = {
        **rules,
        "the key occurs more than once; the newest row was kept": twice.format(keys, sql.Identifier(table.watermark), incoming),
    }
    count = 0
    for reason, condition in rules.items():
        target.execute(
            sql.SQL(
                """insert into ops.quarantine (table_name, row_key, reason, creator_id, first_seen_at, last_seen_at)
                   select {}, {}, {}, {}, statement_timestamp(), statement_timestamp() from {} r where {} group by {}
                   on conflict (table_name, row_key, reason) do update set last_seen_at = excluded.last_seen_at"""
            ).format(table.name, key, reason, creator, incoming, condition, key)
        )
        count += target.execute(sql.SQL("delete from {} r where {}").format(incoming, condition)).rowcount
    return count


def make_tables(target: psycopg.Connection, tables: list[SourceTable]) -> None:
    """`incoming` and `raw` tables from the contract; columns that the contract gained are added."""
    for table in tables:
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(name), warehouse.trusted_sql(kind)) for name, kind in table.columns.items()
        )
        keys = sql.SQL(", ").join(map(sql.Identifier, table.key))
        target.execute(sql.SQL("create unlogged table if not exists {} ({})").format(sql.Identifier("incoming", table.name), columns))
        target.execute(
            sql.SQL("create table if not exists {} ({}, primary key ({}))").format(sql.Identifier("raw", table.name), columns, keys)
        )
        for schema in ("incoming", "raw"):
            for name, kind in table.columns.items():
                target.execute(
                    sql.SQL("alter table {} add column if not exists {} {}").format(
                        sql.Identifier(schema, table.name), sql.Identifier(name), warehouse.trusted_sql(kind)
                    )
                )


def book(settings: Settings, tables: Iterable[SourceTable], run: warehouse.Run, *, say: Say) -> list[TableBooked]:
    """Merge `incoming` into `raw` and move the watermarks, all in one transaction of the run that holds the lock."""
    with warehouse.owned_transaction(settings, run) as connection:
        snapshot = connection.execute("select started_at, complete_through from incoming.snapshot").fetchone()
        if snapshot is None:
            raise Problem("there is no snapshot to book; run the whole job, so that the source is read first.")
        booked = [_book_table(connection, table, run, snapshot[0]) for table in tables]
        connection.execute(
            "update ops.build set booked_run_id = %s, booked_as_of = %s, complete_through = %s", (run.run_id, run.as_of, snapshot[1])
        )
    say(f"booked {sum(table.changed_count for table in booked):,} changed rows of {len(booked)} tables")
    return booked


def _book_table(connection: psycopg.Connection, table: SourceTable, run: warehouse.Run, snapshot_at: datetime) -> TableBooked:
    incoming, raw = sql.Identifier("incoming", table.name), sql.Identifier("raw", table.name)
    names = [sql.Identifier(name) for name in table.columns]
    others = [sql.Identifier(name) for name in table.columns if name not in table.key] or names
    listed = sql.SQL(", ").join
    merge = sql.SQL(
        "insert into {raw} as t ({names}) select {names} from {incoming} on conflict ({key}) do update set {sets} where ({old}) is distinct from ({new})"
    )
    changed = connection.execute(
        merge.format(
            raw=raw,
            incoming=incoming,
            names=listed(names),
            key=listed(map(sql.Identifier, table.key)),
            sets=listed(sql.SQL("{0} = excluded.{0}").format(name) for name in others),
            old=listed(sql.SQL("t.{}").format(name) for name in others),
            new=listed(sql.SQL("excluded.{}").format(name) for name in others),
        )
    ).rowcount
    connection.execute(
        sql.SQL(
            "delete from ops.quarantine q using {} r where q.table_name = %s and q.row_key = {} and q.last_seen_at < (select read_at from incoming.snapshot)"
        ).format(incoming, _key_text(table)),
        (table.name,),
    )
    utc = sql.SQL("") if table.columns[table.watermark].endswith("with time zone") else sql.SQL(" at time zone 'UTC'")
    row = connection.execute(
        sql.SQL("select count(*), least(max({}){}, %s) from {}").format(sql.Identifier(table.watermark), utc, incoming), (snapshot_at,)
    ).fetchone()
    assert row is not None  # an aggregate without group by always gives one row
    if row[0]:
        connection.execute(
            """insert into ops.watermarks (table_name, watermark, run_id) values (%s, %s, %s) on conflict (table_name)
               do update set watermark = greatest(watermarks.watermark, excluded.watermark), run_id = excluded.run_id""",
            (table.name, row[1], run.run_id),
        )
    return TableBooked(table.name, row[0], changed)
