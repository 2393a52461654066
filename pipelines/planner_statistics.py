"""What the planner knows of tables that somebody reads who may see some of their rows only.

Belongs here: which columns it knows nothing of. Does not: who reads which rows (row_security).

Statistics are taken over all rows, and `explain` shows to whoever may ask what the planner makes of them: how many rows another creator has, and, by halving
again and again, names and titles themselves. So none are kept of ids and texts; numbers, times and yes or no are nobody's by themselves.
"""

from collections.abc import Iterable

import psycopg
from psycopg import sql

_TELLING = ["uuid", "uuid[]", "text", "text[]", "jsonb"]
_CLEARS = 180_000
"""The version of Postgres from which statistics that are there can be removed; before it they stay, as of when they were taken."""
_KNOWN = """
select c.relname, a.attname, a.attnum, c.relkind = 'i'
from pg_attribute as a
inner join pg_class as c on c.oid = a.attrelid
left join pg_index as i on i.indexrelid = c.oid
where coalesce(i.indrelid, c.oid) = any(%s::regclass[]) and a.attnum > 0 and not a.attisdropped and a.attstattarget is distinct from 0
    and (i.indexrelid is null or i.indkey[a.attnum - 1] = 0) and format_type(a.atttypid, null) = any(%s)
"""
"""Columns of tables, and expressions of its indexes, of which statistics are taken."""


def hide(connection: psycopg.Connection, schema: str, names: Iterable[str]) -> None:
    """Take no statistics of the ids and texts of these tables any more. The current role owns them."""
    for relation, column, number, is_index in connection.execute(_KNOWN, ([f"{schema}.{name}" for name in names], _TELLING)).fetchall():
        place = sql.SQL("index {} alter column {}" if is_index else "table {} alter column {}").format(
            sql.Identifier(schema, relation), sql.Literal(number) if is_index else sql.Identifier(column)
        )
        connection.execute(sql.SQL("alter {} set statistics 0").format(place))
        if connection.info.server_version >= _CLEARS:
            connection.execute("select pg_clear_attribute_stats(%s, %s, %s, false)", (schema, relation, column))
