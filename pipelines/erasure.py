"""Erased students: whoever stands in `ops.erasures` is named nowhere.

Belongs here: putting what is kept for counting under a random id that is stored nowhere else. Does not: who is erased, and when.
"""

from datetime import datetime

import psycopg
from psycopg import sql

from pipelines import warehouse
from pipelines.catalog import Catalog

_KEPT = (
    ("raw", "watch_gains", "(k.observed_at at time zone 'UTC')::date"),
    ("intermediate", "int_student_days", "k.activity_on"),
    ("marts", "tier_transitions", "(k.changed_at at time zone 'UTC')::date"),
)
"""Primary data by student, and the day by which each row is saved to the bucket."""

DIGEST = "encode(sha256(convert_to({}::text, 'UTF8')), 'hex')"
"""SQL of the digest under which a student's id stands in ops.erasures."""


def replay(connection: psycopg.Connection, catalog: Catalog, as_of: datetime) -> int:
    """Put rows of restored tables under a random id where `ops.erasures` holds their student; the number of students."""
    connection.execute("create temp table erased (id uuid primary key, new_id uuid not null default gen_random_uuid()) on commit drop")
    for schema, table, _ in _KEPT:
        connection.execute(
            sql.SQL(
                "insert into pg_temp.erased (id) select id from (select distinct student_id as id from {}) s"
                " where {} in (select student_digest from ops.erasures) on conflict do nothing"
            ).format(sql.Identifier(schema, table), warehouse.trusted_sql(DIGEST.format("id")))
        )
    for schema, table, day in _KEPT:
        name = sql.Identifier(schema, table)
        connection.execute(
            sql.SQL(
                "insert into ops.unsaved_days select distinct %s::text, {} from {} k inner join pg_temp.erased e on e.id = k.student_id"
                " on conflict do nothing"
            ).format(warehouse.trusted_sql(day), name),
            (table,),
        )
        connection.execute(sql.SQL("update {} k set student_id = e.new_id from pg_temp.erased e where e.id = k.student_id").format(name))
    connection.execute("delete from raw.tombstones t using pg_temp.erased e where e.id = t.student_id")
    row = connection.execute("select count(*) from pg_temp.erased").fetchone()
    return row[0] if row else 0
