"""Erased students: whoever stands in `ops.erasures` is named nowhere.

Belongs here: putting what is kept for counting under a random id that is stored nowhere else. Does not: who is erased, and when; what is kept (keeping).
"""

from collections.abc import Iterable

import psycopg
from psycopg import sql

from pipelines import warehouse
from pipelines.keeping import KeptTable

DIGEST = "encode(sha256(convert_to({}::text, 'UTF8')), 'hex')"
"""SQL of the digest under which a student's id stands in ops.erasures."""


def replay(connection: psycopg.Connection, tables: Iterable[KeptTable]) -> int:
    """Put rows of these restored tables under a random id where `ops.erasures` holds their student, and mark their days; the number of students."""
    tables = list(tables)
    connection.execute("create temp table erased (id uuid primary key, new_id uuid not null default gen_random_uuid()) on commit drop")
    for table in tables:
        connection.execute(
            sql.SQL(
                "insert into pg_temp.erased (id) select id from (select distinct student_id as id from {}) s"
                " where {} in (select student_digest from ops.erasures) on conflict do nothing"
            ).format(_name(table), warehouse.trusted_sql(DIGEST.format("id")))
        )
    for table in tables:
        connection.execute(
            sql.SQL(
                "insert into ops.unsaved_days select distinct {}, {} from {} k inner join pg_temp.erased e on e.id = k.student_id on conflict do nothing"
            ).format(table.name, table.day(), _name(table))
        )
        connection.execute(
            sql.SQL("update {} k set student_id = e.new_id from pg_temp.erased e where e.id = k.student_id").format(_name(table))
        )
    row = connection.execute("select count(*) from pg_temp.erased").fetchone()
    return row[0] if row else 0


def _name(table: KeptTable) -> sql.Identifier:
    return sql.Identifier(table.schema, table.name)
