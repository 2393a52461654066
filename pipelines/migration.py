"""Changes of a contract that break readers of the published tables: a column that is gone or has another type.

Belongs here: finding them, refusing them, and making them when a person says so. Does not: additive changes (published_tables).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pipelines import warehouse
from pipelines.catalog import Mart
from pipelines.problem import Problem
from pipelines.settings import Settings


@dataclass(frozen=True)
class ColumnFound:
    """A column of a published table as it is: its type as Postgres writes it, and whether it is `not null`."""

    data_type: str
    is_required: bool


@dataclass(frozen=True)
class BreakingChange:
    """A column that readers may use and that the contract no longer has (`wanted` None) or has with another type.

    `views` are those that use it, of whoever made them.
    """

    table: str
    column: str
    found: str
    wanted: str | None
    views: tuple[str, ...]

    def __str__(self) -> str:
        said = "the contract no longer has it" if self.wanted is None else f"the contract says {self.wanted}"
        return f"{self.table}.{self.column} is published as {self.found}, {said}"

    def statement(self) -> sql.Composed:
        """The DDL that makes it."""
        table, column = sql.Identifier("analytics", self.table), sql.Identifier(self.column)
        if self.wanted is None:
            return sql.SQL("alter table {} drop column {}").format(table, column)
        kind = warehouse.trusted_sql(self.wanted)
        return sql.SQL("alter table {0} alter column {1} type {2} using {1}::{2}").format(table, column, kind)


def columns(connection: psycopg.Connection, name: str) -> dict[str, ColumnFound]:
    """The columns of `analytics.<name>`; empty when there is no such table."""
    rows = connection.execute(
        """select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute
           where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped""",
        (f"analytics.{name}",),
    ).fetchall()
    return {column: ColumnFound(data_type, is_required) for column, data_type, is_required in rows}


def breaking_changes(connection: psycopg.Connection, mart: Mart, found: Mapping[str, ColumnFound]) -> list[BreakingChange]:
    """What of the published table, as `found`, the contract takes away or types anew."""
    wanted = {column.name: column.data_type for column in mart.columns}
    changes = [
        (name, column.data_type, wanted.get(name))
        for name, column in found.items()
        if name not in wanted or not _is_same_type(connection, column.data_type, wanted[name])
    ]
    return [BreakingChange(mart.name, name, old, new, _views(connection, mart.name, name)) for name, old, new in changes]


def refuse_breaking(connection: psycopg.Connection, mart: Mart, found: Mapping[str, ColumnFound]) -> None:
    """A `Problem` that names the first breaking change and the way on."""
    changes = breaking_changes(connection, mart, found)
    if changes:
        more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
        raise Problem(
            f"{changes[0]}{more}, which would break whoever reads it; `creator-reports migrate` shows what uses it, `creator-reports migrate --apply` changes it."
        )


def apply(connection: psycopg.Connection, changes: Iterable[BreakingChange]) -> None:
    """Make the changes. Our own masked view goes, and comes back with the next publish; a view of somebody else's is a `Problem` that names it."""
    for change in changes:
        foreign = [view for view in change.views if not view.startswith("analytics_deidentified.")]
        if foreign:
            raise Problem(
                f"{change.table}.{change.column} is used by {', '.join(foreign)}; change or drop that view first, then run this again."
            )
        connection.execute(sql.SQL("drop view if exists {}").format(sql.Identifier("analytics_deidentified", change.table)))
        try:
            connection.execute(change.statement())
        except psycopg.DataError as error:
            raise Problem(
                f"{change.table}.{change.column} holds values that are no {change.wanted} ({error.diag.message_primary});"
                " publish it under a new name, and drop the old column when nobody reads it any more."
            ) from None


def migrate(settings: Settings, marts: Iterable[Mart], *, is_applied: bool) -> list[BreakingChange]:
    """The breaking changes of all `marts`, made in one transaction when they are to be applied."""
    with warehouse.connect(settings) as connection:
        warehouse.set_role(connection, "analytics_owner")
        changes = [change for mart in marts for change in breaking_changes(connection, mart, columns(connection, mart.name))]
        if is_applied:
            apply(connection, changes)
    return changes


def _views(connection: psycopg.Connection, table: str, column: str) -> tuple[str, ...]:
    """Views and other relations whose rules use the column, with their schema."""
    rows = connection.execute(
        """select distinct v.relnamespace::regnamespace || '.' || v.relname
           from pg_depend d
           join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
           join pg_class v on v.oid = r.ev_class
           join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
           where d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass(%s) and a.attname = %s and v.oid <> d.refobjid order by 1""",
        (f"analytics.{table}", column),
    ).fetchall()
    return tuple(row[0] for row in rows)


def _is_same_type(connection: psycopg.Connection, found: str, wanted: str) -> bool:
    """Whether two spellings (`numeric(5,4)`, `timestamptz`) mean one type."""
    if found.replace(" ", "") == wanted.replace(" ", ""):
        return True
    row = connection.execute("select to_regtype(%s) = to_regtype(%s)", (found, wanted)).fetchone()
    return row == (True,) and "(" not in found + wanted
