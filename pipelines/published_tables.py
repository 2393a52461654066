"""The tables of `analytics`: made from the contract, altered additively, behind row security.

Belongs here: their DDL, each change in its own short transaction. Does not: their rows (publish).
"""

import re
import time
from collections.abc import Callable, Iterable

import psycopg
from psycopg import sql

from pipelines import pages, warehouse
from pipelines.catalog import Mart
from pipelines.problem import Problem
from pipelines.settings import Settings

_LOCK_TRIES = 40
_POLICIES = (
    "alter table {} enable row level security",
    "alter table {} force row level security",
    "create policy publisher_writes on {} to publisher using (true) with check (true)",
    "create policy bi_reads_all on {} for select to bi_reader using (true)",
    "create policy renderer_reads_its_creator on {} for select to report_renderer using (creator_id = (select ops.render_creator()))",
    "grant select, insert, update, delete on {} to publisher",
    "grant select on {} to bi_reader, report_renderer",
)
"""What binds every table of creators' rows, with the rights on it."""
_RESTATEMENTS = """
create table analytics.restatements (
    creator_id uuid not null, metric text not null, activity_on date not null, old_value numeric, new_value numeric, as_of timestamptz not null,
    primary key (creator_id, activity_on, metric, as_of));
comment on table analytics.restatements is
    'Numbers of days that were over and changed all the same: what was published, and what is since the run as_of.';
"""
_PUBLISHED = """
create table if not exists analytics.published (
    table_name text primary key, as_of timestamptz not null, complete_through timestamptz not null, run_id text not null, code_version text not null);
comment on table analytics.published is 'One row per published table: the instant it was computed for, and up to when the source was complete.';
grant select on analytics.published to bi_reader, report_renderer;
grant select, insert, update on analytics.published to publisher;
"""


def make(settings: Settings, marts: Iterable[Mart]) -> None:
    """Make what is missing of the published tables of `marts`, of those that publish itself writes, and of the app's pages.

    A `Problem` for a change that would break readers.
    """
    marts = list(marts)
    _with_lock_timeout(settings, _make_published)
    for mart in marts:
        _with_lock_timeout(settings, lambda connection, mart=mart: _make_table(connection, mart))
    if {mart.name for mart in marts} >= pages.TABLES:
        _with_lock_timeout(settings, pages.make)


def _with_lock_timeout(settings: Settings, change: Callable[[psycopg.Connection], None]) -> None:
    """DDL in its own short transaction: a reader that holds the table for long must not make all others queue behind us."""
    for attempt in range(_LOCK_TRIES):
        try:
            with warehouse.connect(settings) as connection:
                connection.execute("set local lock_timeout = '50ms'")
                warehouse.set_role(connection, "analytics_owner")
                change(connection)
            return
        except psycopg.errors.LockNotAvailable:
            time.sleep(min(0.05 * 2**attempt, 1.0))
    raise Problem("a reader holds a table of analytics for long, so its columns could not be changed; end that session and run again.")


def _make_published(connection: psycopg.Connection) -> None:
    if connection.execute("select to_regclass('analytics.published')").fetchone() == (None,):
        connection.execute(_PUBLISHED)
    if connection.execute("select to_regclass('analytics.restatements')").fetchone() == (None,):
        connection.execute(_RESTATEMENTS)
        _bind(connection, sql.Identifier("analytics", "restatements"))


def _make_table(connection: psycopg.Connection, mart: Mart) -> None:
    """Create the table, or add the columns that the contract gained; a dropped or retyped column stops with a message."""
    table = sql.Identifier("analytics", mart.name)
    found = dict(
        connection.execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
            (f"analytics.{mart.name}",),
        ).fetchall()
    )
    if not found:
        _create_table(connection, mart, table)
        found = {column.name: column.data_type for column in mart.columns}
    gone = sorted(set(found) - {column.name for column in mart.columns})
    if gone:
        raise Problem(
            f"the contract of {mart.name} no longer has {', '.join(gone)}, which readers may use; drop the column from analytics by hand, then run again."
        )
    for column in mart.columns:
        if column.name not in found:
            connection.execute(
                sql.SQL("alter table {} add column {} {}").format(
                    table, sql.Identifier(column.name), warehouse.trusted_sql(column.data_type)
                )
            )
        elif not _is_same_type(connection, found[column.name], column.data_type):
            raise Problem(
                f"{mart.name}.{column.name} is published as {found[column.name]}, the contract says {column.data_type}; change the type there by hand, then run again."
            )
    _make_indexes(connection, mart, table)
    _comment(connection, mart, table)


def _make_indexes(connection: psycopg.Connection, mart: Mart, table: sql.Identifier) -> None:
    """Indexes that the yml declares, under a name that says what they are; those of earlier versions, and those that others made, are left alone."""
    for index in mart.indexes:
        name = f"{mart.name}_by_{'_'.join(re.findall(r'[a-z0-9_]+', index))}"[:63]
        if connection.execute("select to_regclass(format('analytics.%%I', %s::text))", (name,)).fetchone() == (None,):
            connection.execute(sql.SQL("create index {} on {} ({})").format(sql.Identifier(name), table, warehouse.trusted_sql(index)))


def _is_same_type(connection: psycopg.Connection, found: str, wanted: str) -> bool:
    """Whether two spellings (`numeric(5,4)`, `timestamptz`) mean one type."""
    row = connection.execute("select to_regtype(%s) = to_regtype(%s)", (found, wanted)).fetchone()
    return found.replace(" ", "") == wanted.replace(" ", "") or (row == (True,) and "(" not in found + wanted)


def _create_table(connection: psycopg.Connection, mart: Mart, table: sql.Identifier) -> None:
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), warehouse.trusted_sql(column.data_type)) for column in mart.columns
    )
    key = sql.SQL(", ").join(map(sql.Identifier, mart.primary_key))
    connection.execute(sql.SQL("create table {} ({}, primary key ({})) with (fillfactor = 80)").format(table, columns, key))
    if not any(index.startswith("creator_id") for index in (mart.primary_key[0], *mart.indexes)):
        connection.execute(sql.SQL("create index on {} (creator_id)").format(table))
    _bind(connection, table)


def _bind(connection: psycopg.Connection, table: sql.Identifier) -> None:
    for statement in _POLICIES:
        connection.execute(warehouse.trusted_sql(statement).format(table))


def _comment(connection: psycopg.Connection, mart: Mart, table: sql.Identifier) -> None:
    """Write comments that differ from the yml. Each one takes a lock, so unchanged ones are left alone."""
    stored = dict(
        connection.execute(
            "select objsubid, description from pg_description where objoid = %s::regclass and classoid = 'pg_class'::regclass",
            (f"analytics.{mart.name}",),
        ).fetchall()
    )
    numbers = dict(
        connection.execute("select attname, attnum from pg_attribute where attrelid = %s::regclass", (f"analytics.{mart.name}",)).fetchall()
    )
    if stored.get(0) != mart.description:
        connection.execute(sql.SQL("comment on table {} is {}").format(table, mart.description))
    for column in mart.columns:
        if stored.get(numbers[column.name]) != column.description:
            connection.execute(sql.SQL("comment on column {}.{} is {}").format(table, sql.Identifier(column.name), column.description))
