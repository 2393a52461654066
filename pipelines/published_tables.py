"""The tables of `analytics`: made from the contract, altered additively, behind row security.

Belongs here: their DDL, each change in its own short transaction. Does not: their rows (publish), who reads which (row_security), changes that break
readers (migration), whether any of it has to be asked for (published_shape). Over 200 lines by the tables that publish itself writes.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import psycopg
from psycopg import sql

from pipelines import deidentified, migration, pages, planner_statistics, published_shape, row_security, warehouse
from pipelines.catalog import Mart, MartColumn
from pipelines.problem import Problem
from pipelines.row_security import CREATOR_ROWS, NOBODYS_ROWS, Policy
from pipelines.settings import Settings

_LOCK_TRIES = 40
_Result = TypeVar("_Result")
_RESTATEMENTS = """
create table analytics.restatements (
    creator_id uuid not null, metric text not null, activity_on date not null, old_value numeric, new_value numeric, as_of timestamptz not null,
    primary key (creator_id, activity_on, metric, as_of));
comment on table analytics.restatements is
    'Numbers of days that were over and changed all the same: what was published, and what is since the run as_of.';
"""
_PUBLISHED = """
create table analytics.published (
    table_name text primary key, as_of timestamptz not null, complete_through timestamptz not null, run_id text not null, code_version text not null);
comment on table analytics.published is 'One row per published table: the instant it was computed for, and up to when the source was complete.';
"""
_OWN = {"restatements": (_RESTATEMENTS, CREATOR_ROWS), "published": (_PUBLISHED, NOBODYS_ROWS)}
"""Tables that publish itself writes."""
_READERS = "bi_reader, report_renderer, creator_reader"


def make(settings: Settings, marts: Iterable[Mart]) -> None:
    """Make what is missing of the published tables of `marts`, of those that publish itself writes, and of the app's pages.

    A `Problem` for a change that would break readers, and for a table whose row security is not as it was made.
    """
    marts = list(marts)
    with warehouse.connect(settings, autocommit=True) as connection:
        if published_shape.is_as_left(connection, marts):
            return
        for name, (statements, policies) in _OWN.items():
            _with_lock_timeout(connection, _make_own, name, statements, policies)
        are_complete = [_with_lock_timeout(connection, _make_table, mart) for mart in marts]
        _with_lock_timeout(connection, planner_statistics.hide, "analytics", list(_bound(marts)))
        if {mart.name for mart in marts} >= pages.TABLES:
            _with_lock_timeout(connection, pages.make)
        _with_lock_timeout(connection, row_security.require, _bound(marts))
        if all(are_complete):
            published_shape.leave(connection, marts)
        else:
            published_shape.forget(connection)


def _bound(marts: Iterable[Mart]) -> Mapping[str, tuple[Policy, ...]]:
    return {name: policies for name, (_, policies) in _OWN.items()} | {mart.name: CREATOR_ROWS for mart in marts}


def rebind(settings: Settings, marts: Iterable[Mart]) -> int:
    """Make the row security of all published tables, and of those of `ops`, anew, as it should be: how many there are."""
    with warehouse.connect(settings, autocommit=True) as connection:
        found = {name: policies for name, policies in _bound(marts).items() if migration.columns(connection, name)}
        for name, policies in found.items():
            _with_lock_timeout(connection, row_security.rebind, name, policies)
        return len(found) + row_security.rebind_ops(connection)


def _with_lock_timeout(connection: psycopg.Connection, change: Callable[..., _Result], *arguments: object) -> _Result:
    """DDL in its own short transaction: a reader that holds the table for long must not make all others queue behind us."""
    for attempt in range(_LOCK_TRIES):
        try:
            with connection.transaction():
                connection.execute("set local lock_timeout = '50ms'")
                warehouse.set_role(connection, "analytics_owner")
                return change(connection, *arguments)
        except psycopg.errors.LockNotAvailable:
            time.sleep(min(0.05 * 2**attempt, 1.0))
    raise Problem("a reader holds a table of analytics for long, so its columns could not be changed; end that session and run again.")


def _make_own(connection: psycopg.Connection, name: str, statements: str, policies: tuple[Policy, ...]) -> None:
    if connection.execute("select to_regclass(%s)", (f"analytics.{name}",)).fetchone() == (None,):
        connection.execute(statements.encode())
        _open(connection, name, policies, _READERS + ", bi_reader_deidentified")
    row_security.complete(connection, name, policies)


def _open(connection: psycopg.Connection, name: str, policies: tuple[Policy, ...], readers: str) -> None:
    """Bind a new table, then let its readers in."""
    table = sql.Identifier("analytics", name)
    row_security.bind(connection, table, policies)
    connection.execute(sql.SQL("grant select, insert, update, delete on {} to publisher").format(table))
    connection.execute(sql.SQL("grant select on {} to {}").format(table, warehouse.trusted_sql(readers)))


def _make_table(connection: psycopg.Connection, mart: Mart) -> bool:
    """Create the table, or add what the contract gained; a dropped or retyped column stops with a message. Whether nothing is left for a later run."""
    table = sql.Identifier("analytics", mart.name)
    found, is_complete = migration.columns(connection, mart.name), True
    missing = {column.name for column in mart.columns} - found.keys()
    if not found:
        _create_table(connection, mart, table)
    else:
        migration.refuse_breaking(connection, mart, found)
        for column in mart.columns:
            if column.name in missing:
                connection.execute(sql.SQL("alter table {} add column {}").format(table, _defined(column)))
            elif column.is_required and not found[column.name].is_required:
                is_complete = _require_values(connection, table, column) and is_complete
        row_security.complete(connection, mart.name, CREATOR_ROWS)
        _let_in(connection, mart.name)
    _make_indexes(connection, mart, table)
    _comment(connection, mart, table)
    deidentified.show(connection, mart)
    if missing:  # by hand, maybe: then no model was built anew, and touched rows alone would leave holes
        connection.execute("reset role")
        connection.execute("update ops.models set is_published = false where model_name = %s", (mart.name,))
    return is_complete and not (found and missing)


def _let_in(connection: psycopg.Connection, name: str) -> None:
    """Rights that a newer version of the roles brought along."""
    row = connection.execute("select has_table_privilege('creator_reader', %s, 'select')", (f"analytics.{name}",)).fetchone()
    if row == (False,):
        table = sql.Identifier("analytics", name)
        connection.execute(sql.SQL("grant select on {} to {}").format(table, warehouse.trusted_sql(_READERS)))


def _defined(column: MartColumn, *, is_new_table: bool = False) -> sql.Composable:
    """The column as DDL. One that is added to rows which are there gets its values by the next publish, and is required after it."""
    required = sql.SQL(" not null" if column.is_required and is_new_table else "")
    return sql.SQL("{} {}").format(sql.Identifier(column.name), warehouse.trusted_sql(column.data_type)) + required


def _require_values(connection: psycopg.Connection, table: sql.Identifier, column: MartColumn) -> bool:
    """Make a column `not null` once it has values everywhere: rows of creators who are held back may wait for theirs. Whether it is."""
    try:
        with connection.transaction():
            connection.execute(sql.SQL("alter table {} alter column {} set not null").format(table, sql.Identifier(column.name)))
    except psycopg.errors.NotNullViolation:
        return False  # asked again by the next run
    return True


def _make_indexes(connection: psycopg.Connection, mart: Mart, table: sql.Identifier) -> None:
    """Indexes that the yml declares (`columns [include columns]`), under a name that says what they are. Those of earlier versions go; those that others
    made, under other names, stay."""
    made = f"{mart.name}_by_"
    declared = {_index_name(made, index): index.partition(" include ") for index in mart.indexes}
    there = {
        row[0]
        for row in connection.execute(
            "select indexname from pg_indexes where schemaname = 'analytics' and tablename = %s and starts_with(indexname, %s)",
            (mart.name, made),
        )
    }
    for name in sorted(there - declared.keys()):
        connection.execute(sql.SQL("drop index {}").format(sql.Identifier("analytics", name)))
    for name, (columns, _, included) in declared.items():
        if name not in there:
            include = warehouse.trusted_sql(f" include ({included})" if included else "")
            connection.execute(
                sql.SQL("create index {} on {} ({}){}").format(sql.Identifier(name), table, warehouse.trusted_sql(columns), include)
            )


def _index_name(made: str, index: str) -> str:
    """A name of the at most 63 characters that Postgres keeps; a longer one ends in a digest of what was cut off."""
    name = made + "_".join(re.findall(r"[a-z0-9_]+", index))
    return name if len(name) <= 63 else f"{name[:54]}_{hashlib.md5(index.encode(), usedforsecurity=False).hexdigest()[:8]}"


def _create_table(connection: psycopg.Connection, mart: Mart, table: sql.Identifier) -> None:
    columns = sql.SQL(", ").join(_defined(column, is_new_table=True) for column in mart.columns)
    key = sql.SQL(", ").join(map(sql.Identifier, mart.primary_key))
    # Vacuumed after every hour that changed a good part of it: only then an index alone can answer.
    room = sql.SQL("fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05")
    connection.execute(sql.SQL("create table {} ({}, primary key ({})) with ({})").format(table, columns, key, room))
    if not any(index.startswith("creator_id") for index in (mart.primary_key[0], *mart.indexes)):
        connection.execute(sql.SQL("create index on {} (creator_id)").format(table))
    _open(connection, mart.name, CREATOR_ROWS, _READERS)


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
