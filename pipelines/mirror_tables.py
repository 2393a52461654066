"""The tables of `incoming` and `raw`, made from the contract of the source.

Belongs here: their DDL. Does not: their rows (ingest fills `incoming`, booking fills `raw`).
"""

import psycopg
from psycopg import sql

from pipelines import ledger, warehouse
from pipelines.contract import SourceTable


def make(target: psycopg.Connection, tables: list[SourceTable]) -> None:
    """`incoming` and `raw` tables from the contract; columns and indexes that the contract gained are added.

    What is there is left alone: DDL that changes nothing would still wait for whoever reads or vacuums the table.
    """
    there = _relations_and_columns(target)
    for table in tables:
        columns = {name: warehouse.trusted_sql(kind) for name, kind in table.columns.items()}
        defined = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(name), kind) for name, kind in columns.items())
        keys = sql.SQL(", ").join(map(sql.Identifier, table.key))
        for schema, key in (("incoming", sql.SQL("")), ("raw", sql.SQL(", primary key ({})").format(keys))):
            relation = sql.Identifier(schema, table.name)
            if f"{schema}.{table.name}" not in there:
                target.execute(
                    sql.SQL("create {} table {} ({}{})").format(sql.SQL("unlogged" if schema == "incoming" else ""), relation, defined, key)
                )
                continue
            for name, kind in columns.items():
                if f"{schema}.{table.name}.{name}" not in there:
                    target.execute(sql.SQL("alter table {} add column {} {}").format(relation, sql.Identifier(name), kind))
        for column in table.happens_at:
            name = f"{table.name}_{column}_instant"
            if not table.columns[column].endswith("with time zone") and f"raw.{name}" not in there:
                # Models compare the instant; without statistics of it the planner guesses that a third of the rows is older.
                target.execute(
                    sql.SQL("create statistics if not exists {} on ({} at time zone 'UTC') from {}").format(
                        sql.Identifier("raw", name), sql.Identifier(column), sql.Identifier("raw", table.name)
                    )
                )
        for columns in (*table.indexes, *((column,) for column in table.happens_at)):
            name = "_".join((table.name, *columns))
            if f"raw.{name}" not in there:
                index, relation = sql.Identifier(name), sql.Identifier("raw", table.name)
                listed = sql.SQL(", ").join(map(sql.Identifier, columns))
                target.execute(sql.SQL("create index if not exists {} on {} ({})").format(index, relation, listed))
    wanted = {f"raw.{ledger.TABLE}.{column}" for column in ledger.COLUMNS} | {f"raw.{ledger.TABLE}_observed"}
    if any(table.name == ledger.TABLE for table in tables) and not wanted <= there:
        ledger.prepare(target)


def _relations_and_columns(target: psycopg.Connection) -> set[str]:
    """`schema.relation` (indexes and statistics too) and `schema.relation.column` of what is there in `incoming` and `raw`."""
    rows = target.execute(
        """select c.relnamespace::regnamespace || '.' || c.relname || coalesce('.' || a.attname, '')
           from pg_class c left join lateral (
               select attname from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped union all select null) a on true
           where c.relnamespace in ('incoming'::regnamespace, 'raw'::regnamespace)
           union all select 'raw.' || stxname from pg_statistic_ext where stxnamespace = 'raw'::regnamespace"""
    )
    return {row[0] for row in rows}
