"""Whether the source still has the tables and columns that the contract names, with types that can be read as the agreed ones.

Belongs here: the question to the source's catalogue, and what is said of what differs. Does not: the contract itself (contract), the rows (row_rules).
"""

from collections.abc import Iterable
from typing import NamedTuple

import psycopg

from pipelines.contract import SourceTable
from pipelines.problem import Problem

_COLUMNS = """
with recursive agreed as (
    select *, to_regtype(kind)::oid as wanted from unnest(%s::text[], %s::text[], %s::text[]) as a (table_name, column_name, kind)
),
seen as (
    select a.*, c.oid is not null as has_table, f.attname is not null as has_column, format_type(f.atttypid, f.atttypmod) as shown, f.atttypid as type
    from agreed a
    left join pg_class c on c.relnamespace = to_regnamespace(%s) and c.relname = a.table_name
    left join pg_attribute f on f.attrelid = c.oid and f.attname = a.column_name and f.attnum > 0 and not f.attisdropped
),
based as (
    select s.table_name, s.column_name, s.type from seen s
    union all
    select b.table_name, b.column_name, t.typbasetype from based b join pg_type t on t.oid = b.type and t.typtype = 'd'
)
select s.table_name, s.column_name, s.kind, s.has_table, s.has_column, s.shown,
    exists (
        -- Elements of arrays are read as values are.
        select from based b join pg_type t on t.oid = b.type join pg_type w on w.oid = s.wanted,
            lateral (select case when t.typcategory = 'A' and w.typcategory = 'A' then t.typelem else t.oid end as given,
                case when t.typcategory = 'A' and w.typcategory = 'A' then w.typelem else w.oid end as taken) e
        where (b.table_name, b.column_name) = (s.table_name, s.column_name)
            and (e.given = e.taken or e.taken = 'text'::regtype or exists (
                select from pg_cast k where (k.castsource, k.casttarget) = (e.given, e.taken) and k.castcontext in ('a', 'i'))))
from seen s
"""
"""Per agreed column what the source has. Readable is what Postgres would store in such a column by itself; text would have to be parsed: one value that
cannot be stops everything, and does not say where it stands."""

_SHOWN = 5


class _Column(NamedTuple):
    table: str
    name: str
    agreed: str
    has_table: bool
    has_column: bool
    found: str | None
    is_readable: bool


def require_agreed(source: psycopg.Connection, schema: str, tables: Iterable[SourceTable]) -> None:
    """A `Problem` that names the tables and columns which the source lacks, and the columns whose type is not as agreed."""
    agreed = [(table.name, name, kind) for table in tables for name, kind in table.columns.items()]
    rows = source.execute(_COLUMNS.encode(), (*map(list, zip(*agreed, strict=True)), schema)).fetchall()
    place = {(table, name): number for number, (table, name, _) in enumerate(agreed)}
    columns = sorted((_Column(*row) for row in rows), key=lambda column: place[column.table, column.name])
    missing = [f"table {schema}.{name}" for name in dict.fromkeys(column.table for column in columns if not column.has_table)]
    missing += [f"column {schema}.{column.table}.{column.name}" for column in columns if column.has_table and not column.has_column]
    others = [
        f"{schema}.{column.table}.{column.name} is {column.found}, {column.agreed} was agreed"
        for column in columns
        if column.has_column and not column.is_readable
    ]
    if not missing and not others:
        return
    said = [f"the source lacks {_first(missing, ', ')}"] if missing else []
    said += [_first(others, "; ")] if others else []
    raise Problem(f"{'; '.join(said)}; nothing was read. {_todo(is_empty=not any(column.has_table for column in columns))}")


def _first(items: list[str], between: str) -> str:
    return between.join(items[:_SHOWN]) + (f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else "")


def _todo(*, is_empty: bool) -> str:
    if is_empty:
        return "Check SOURCE_URL and SOURCE_SCHEMA, or load a source with `creator-reports load demo`."
    return "Ask the platform's team, or follow the change in _sources.yml."
