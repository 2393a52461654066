"""Source to `incoming`: what changed since the watermarks, all tables from one snapshot. The only module that touches the source.

Belongs here: the source contract, what is read, from when on. Does not: what becomes of the rows (booking), value rules (expectations).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

from pipelines import booking, quarantine, warehouse
from pipelines.catalog import SourceTable
from pipelines.problem import Problem
from pipelines.settings import Settings

Say = Callable[[str], None]

_LARGE_ROWS = 10_000
"""Below this many rows a scan costs no more than an index would."""


@dataclass(frozen=True)
class TableRead:
    """What one run read of one table: rows that changed, and how many of them were set aside."""

    table: str
    read_count: int
    set_aside_count: int


def read_source(settings: Settings, tables: Iterable[SourceTable], run: warehouse.Run, *, is_nightly: bool, say: Say) -> list[TableRead]:
    """Fill `incoming` with the rows changed since the watermarks, all tables from one repeatable-read snapshot.

    The same database is read set-based, another one through COPY. Nothing in `raw` moves. A `Problem` names a missing table or column.
    """
    tables = list(tables)
    with warehouse.connect(settings) as target:
        booking.make_tables(target, tables)
        target.commit()
        target.execute("set transaction isolation level repeatable read")
        if _is_same_database(settings):
            return _read_all(settings, target, target, tables, run, is_nightly, say)
        with warehouse.open_connection(settings.source_address, setting="SOURCE_URL") as source:
            source.execute("set transaction isolation level repeatable read, read only")
            return _read_all(settings, source, target, tables, run, is_nightly, say)


def _is_same_database(settings: Settings) -> bool:
    return warehouse.describe(settings.source_address) == warehouse.describe(settings.require_database_url().get_secret_value())


def _read_all(
    settings: Settings,
    source: psycopg.Connection,
    target: psycopg.Connection,
    tables: list[SourceTable],
    run: warehouse.Run,
    is_nightly: bool,
    say: Say,
) -> list[TableRead]:
    _check_contract(source, settings.source_schema, tables)
    row = source.execute("select statement_timestamp(), case when pg_is_in_recovery() then pg_last_xact_replay_timestamp() end").fetchone()
    assert row is not None  # a select without from always gives one row
    complete_through = min(moment for moment in (run.as_of, *row) if moment is not None) - timedelta(minutes=settings.late_commit_minutes)
    marks = dict(target.execute("select table_name, watermark from ops.watermarks").fetchall())
    reads = []
    for table in tables:
        since = _since(settings, table, marks.get(table.name), is_nightly)
        count = _read_table(source, target, settings.source_schema, table, since)
        reads.append(TableRead(table.name, count, quarantine.set_aside(target, table)))
        if count:
            say(f"{table.name}: {count:,} rows changed")
    target.execute(
        "create unlogged table if not exists incoming.snapshot (started_at timestamptz not null, complete_through timestamptz not null, read_at timestamptz not null)"
    )
    target.execute("truncate incoming.snapshot")
    target.execute("insert into incoming.snapshot values (%s, %s, transaction_timestamp())", (row[0], complete_through))
    return reads


def _check_contract(source: psycopg.Connection, schema: str, tables: list[SourceTable]) -> None:
    rows = source.execute(
        "select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relnamespace = to_regnamespace(%s)",
        (schema,),
    ).fetchall()
    found: dict[str, set[str]] = {}
    for name, column in rows:
        found.setdefault(name, set()).add(column)
    missing = [f"table {schema}.{table.name}" for table in tables if table.name not in found]
    missing += [
        f"column {schema}.{table.name}.{column}"
        for table in tables
        if table.name in found
        for column in table.columns
        if column not in found[table.name]
    ]
    if missing:
        raise Problem(
            f"the source lacks {', '.join(missing[:5])}{f' and {len(missing) - 5} more' if len(missing) > 5 else ''}; nothing was read."
            " Check SOURCE_URL and SOURCE_SCHEMA, or load a source with `creator-reports load demo`."
        )


def _since(settings: Settings, table: SourceTable, mark: datetime | None, is_nightly: bool) -> datetime | None:
    if mark is None:
        return None
    if is_nightly:
        return mark - timedelta(days=max(settings.nightly_overlap_days, table.reread_nightly_days or 0))
    return mark - max(timedelta(hours=settings.overlap_hours), timedelta(days=table.reread_days or 0))


def _moment(table: SourceTable, value: str) -> sql.Composable:
    """`value` (SQL of a timestamptz) as the type of the table's watermark column: most of the source is UTC without a zone."""
    return warehouse.trusted_sql(value if table.columns[table.watermark].endswith("with time zone") else f"({value} at time zone 'UTC')")


def _read_table(source: psycopg.Connection, target: psycopg.Connection, schema: str, table: SourceTable, since: datetime | None) -> int:
    columns = sql.SQL(", ").join(
        sql.SQL("{}::{}").format(sql.Identifier(name), warehouse.trusted_sql(kind)) for name, kind in table.columns.items()
    )
    query = sql.SQL("select {} from {}").format(columns, sql.Identifier(schema, table.name))
    if since is not None:
        literal = sql.Literal(since.astimezone(UTC).isoformat()).as_string()
        query += sql.SQL(" where {} >= {}").format(sql.Identifier(table.watermark), _moment(table, f"{literal}::timestamptz"))
    incoming = sql.Identifier("incoming", table.name)
    target.execute(sql.SQL("truncate {}").format(incoming))
    if source is target:
        return target.execute(sql.SQL("insert into {} {}").format(incoming, query)).rowcount
    write = target.cursor()
    give = sql.SQL("copy ({}) to stdout (format binary)").format(query)
    take = sql.SQL("copy {} from stdin (format binary)").format(incoming)
    with source.cursor().copy(give) as rows_out, write.copy(take) as rows_in:
        for block in rows_out:
            rows_in.write(block)
    return write.rowcount


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
