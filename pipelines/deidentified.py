"""The schema `analytics_deidentified`: the published tables without what names a person, for analysts who need no names.

Belongs here: which role may read which columns, and views of the same names that put masks in the place of personal columns. Does not: which columns
are personal (`meta.personal` in the marts' yml), row security (row_security).

The views read with the rights of who asks, and the role has no right on personal columns: no mistake in a view can show one.
"""

import psycopg
from psycopg import sql

from pipelines import warehouse
from pipelines.catalog import Mart, MartColumn

ROLE = "bi_reader_deidentified"
SCHEMA = "analytics_deidentified"
_MASKS = {
    "name": "'Student ' || upper(left(md5(student_id::text), 8))",
    "email": "left(md5(student_id::text), 8) || '@masked.invalid'",
    "text": "'[masked]'",
}
"""What stands in the place of a personal column, by kind: the same student has the same name everywhere, and texts say nothing."""
KINDS = frozenset(_MASKS)


def show(connection: psycopg.Connection, mart: Mart) -> None:
    """Grant the columns of `analytics.<mart>` that are not personal, take back those that are, and make the view that was changed or is missing."""
    _grant(connection, mart)
    names = [
        row[0] for row in connection.execute(_COLUMNS, (f"analytics.{mart.name}",))
    ]  # in the table's order: a view only grows at its end
    columns = {column.name: column for column in mart.columns}
    selected = sql.SQL(", ").join(_selected(columns[name]) for name in names if name in columns)
    view = sql.Identifier(SCHEMA, mart.name)
    query = sql.SQL("select {} from {}").format(selected, sql.Identifier("analytics", mart.name))
    if _is_shown(connection, mart.name, query):
        return
    options = "with (security_invoker = true, security_barrier = true)"
    connection.execute(sql.SQL("create or replace view {} {} as {}").format(view, sql.SQL(options), query))
    connection.execute(sql.SQL("comment on view {} is {}").format(view, _said(connection, query)))
    connection.execute(sql.SQL("grant select on {} to {}").format(view, sql.Identifier(ROLE)))


_COLUMNS = "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum"


def _grant(connection: psycopg.Connection, mart: Mart) -> None:
    table = sql.Identifier("analytics", mart.name)
    wanted = {column.name for column in mart.columns if column.personal is None}
    rows = connection.execute(
        "select attname, has_column_privilege(%(role)s, attrelid, attnum, 'select') from pg_attribute where attrelid = %(table)s::regclass and attnum > 0"
        " and not attisdropped",
        {"role": ROLE, "table": f"analytics.{mart.name}"},
    ).fetchall()
    if {name for name, is_granted in rows if is_granted} == wanted:
        return
    listed = sql.SQL(", ").join(sql.Identifier(column.name) for column in mart.columns if column.name in wanted)
    connection.execute(sql.SQL("revoke select on {} from {}").format(table, sql.Identifier(ROLE)))
    connection.execute(sql.SQL("grant select ({}) on {} to {}").format(listed, table, sql.Identifier(ROLE)))


def _selected(column: MartColumn) -> sql.Composable:
    name = sql.Identifier(column.name)
    if column.personal is None:
        return name
    mask = f"({_MASKS[column.personal]})::{column.data_type}" if not column.data_type.endswith("[]") else f"'{{}}'::{column.data_type}"
    return sql.SQL("{} as {}").format(warehouse.trusted_sql(mask), name)


def _said(connection: psycopg.Connection, query: sql.Composable) -> str:
    """What the view's comment says: the query it was made by, so that an unchanged one is left alone."""
    return f"Without names: {query.as_string(connection)}"


def _is_shown(connection: psycopg.Connection, name: str, query: sql.Composable) -> bool:
    row = connection.execute("select obj_description(to_regclass(%s), 'pg_class')", (f"{SCHEMA}.{name}",)).fetchone()
    return row == (_said(connection, query),)
