"""Rows that are set aside: `ops.quarantine`.

Belongs here: moving bad rows out of `incoming`, and letting healed ones back in. Does not: the rules (yml of the sources), value rules (expectations).
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql

from pipelines import warehouse
from pipelines.catalog import SourceTable


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


def release(connection: psycopg.Connection, table: SourceTable) -> None:
    """Forget the reasons of rows that this run read and found good."""
    connection.execute(
        sql.SQL(
            "delete from ops.quarantine q using {} r where q.table_name = %s and q.row_key = {} and q.last_seen_at < (select read_at from incoming.snapshot)"
        ).format(sql.Identifier("incoming", table.name), _key_text(table)),
        (table.name,),
    )
