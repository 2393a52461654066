"""Erased students: whoever stands in `ops.erasures` is named nowhere, and is never taken in again.

Belongs here: whose row a row is, keeping rows of the erased out of `incoming`, putting what is kept for counting under a random id that is stored nowhere
else. Does not: who is erased, and when (deletions); what is kept (keeping).
"""

from collections.abc import Iterable, Mapping

import psycopg
from psycopg import sql

from pipelines import warehouse
from pipelines.contract import SourceTable
from pipelines.keeping import KeptTable

STUDENTS = "students"
"""The source table of the people whose data is personal."""

DIGEST = "encode(sha256(convert_to({}::text, 'UTF8')), 'hex')"
"""SQL of the digest under which a student's id stands in ops.erasures."""


_RANDOM_ID = warehouse.trusted_sql("overlay(gen_random_uuid()::text placing '8' from 15)::uuid")
"""A random UUID of version 8: no source gives such ids (databases give 4 and 7), so rows under one are known to be those of an erased student, and nothing more."""


def is_random_id(column: str) -> sql.Composable:
    """SQL of the condition that an id stands for an erased student."""
    return warehouse.trusted_sql(f"substr({column}::text, 15, 1) = '8'")


def is_personal(table: SourceTable, tables: Mapping[str, SourceTable]) -> bool:
    """Whether the rows of a table belong to students: they name one, or a row that belongs to one."""
    return table.name == STUDENTS or any(is_personal(tables[parent], tables) for parent in table.references.values())


def belongs(
    table: SourceTable, tables: Mapping[str, SourceTable], students: sql.Composable, schemas: Iterable[str], alias: str = "r"
) -> sql.Composable:
    """SQL of the condition that a row (`alias`) of a personal table belongs to one of `students` (a query of ids); rows between lie in `schemas`."""
    if table.name == STUDENTS:
        return sql.SQL("{} in ({})").format(sql.Identifier(alias, "id"), students)
    schemas, found = list(schemas), []
    for column, parent in table.references.items():
        name = sql.Identifier(alias, column)
        if parent == STUDENTS:
            found.append(sql.SQL("{} in ({})").format(name, students))
        elif is_personal(tables[parent], tables):
            condition = belongs(tables[parent], tables, students, schemas, "p")
            found += [
                sql.SQL("{} in (select p.id from {} p where {})").format(name, sql.Identifier(schema, parent), condition)
                for schema in schemas
            ]
    return sql.SQL("({})").format(sql.SQL(" or ").join(found))


def drop_rows(connection: psycopg.Connection, tables: Mapping[str, SourceTable], leaving: sql.Composable) -> None:
    """Take the rows of erased students, and of those whose ids the query `leaving` gives, out of `incoming`."""
    personal = [table for table in tables.values() if is_personal(table, tables)]
    connection.execute("drop table if exists pg_temp.unwelcome")
    count = connection.execute(sql.SQL("create temp table unwelcome on commit drop as {}").format(leaving)).rowcount
    if connection.execute("select exists (select from ops.erasures)").fetchone() == (True,):
        for table in personal:
            for column in ["id"] if table.name == STUDENTS else table.columns_to(STUDENTS):
                count += connection.execute(
                    sql.SQL(
                        "insert into pg_temp.unwelcome select id from (select distinct {} as id from {}) s"
                        " where {} in (select student_digest from ops.erasures)"
                    ).format(sql.Identifier(column), sql.Identifier("incoming", table.name), warehouse.trusted_sql(DIGEST.format("id")))
                ).rowcount
    if not count:
        return
    for table in reversed(personal):  # what names a row goes before the row
        condition = belongs(table, tables, sql.SQL("select student_id from pg_temp.unwelcome"), ("incoming", "raw"))
        connection.execute(sql.SQL("delete from {} r where {}").format(sql.Identifier("incoming", table.name), condition))


def give_ids(connection: psycopg.Connection, students: sql.Composable) -> int:
    """Give the students whose ids the query `students` gives a random id each, in pg_temp.erased until the transaction ends; how many they are."""
    connection.execute(
        sql.SQL("create temp table erased (id uuid primary key, new_id uuid not null default {}) on commit drop").format(_RANDOM_ID)
    )
    return connection.execute(sql.SQL("insert into pg_temp.erased (id) {}").format(students)).rowcount


def rekey(connection: psycopg.Connection, tables: Iterable[KeptTable]) -> None:
    """Put rows of these tables that stand under the id of a student in pg_temp.erased under the random one, and mark the days that are saved."""
    for table in tables:
        name = sql.Identifier(table.schema, table.name)
        if table.saved_by:
            connection.execute(
                sql.SQL(
                    "insert into ops.unsaved_days select distinct {}, {} from {} k inner join pg_temp.erased e on e.id = k.student_id"
                    " on conflict do nothing"
                ).format(table.name, table.day(), name)
            )
        connection.execute(sql.SQL("update {} k set student_id = e.new_id from pg_temp.erased e where e.id = k.student_id").format(name))


def replay(connection: psycopg.Connection, tables: Iterable[KeptTable]) -> int:
    """Put rows of these restored tables under a random id where `ops.erasures` holds their student, and mark their days; the number of students."""
    tables = list(tables)
    ids = sql.SQL(" union ").join(
        sql.SQL("select student_id as id from {}").format(sql.Identifier(table.schema, table.name)) for table in tables
    )
    digest = warehouse.trusted_sql(DIGEST.format("id"))
    count = give_ids(connection, sql.SQL("select id from ({}) s where {} in (select student_digest from ops.erasures)").format(ids, digest))
    rekey(connection, tables)
    return count
