"""What becomes of rows that the source has no longer (`incoming.gone`): they leave `raw`, students by way of a tombstone.

Belongs here: what a booking takes out of `raw`, tombstones of students, when they are erased. Does not: finding what is gone (key_comparison), putting what
is kept of the erased under random ids (erasure).

A row that is gone leaves `raw` in the booking of the night that missed it. A student gets a tombstone instead, which hides the student from staging at once;
the personal data leaves on a later day, when a night misses the student again. Until then each run looks whether the student is back.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg import sql

from pipelines import erasure, keeping, question_booking, row_rules, touching, warehouse
from pipelines.catalog import Catalog, SourceTable
from pipelines.erasure import STUDENTS
from pipelines.keeping import KeptTable

_DUE = warehouse.trusted_sql("""
select t.student_id from raw.tombstones as t
inner join incoming.gone as g on g.table_name = 'students' and g.row_key = t.student_id::text
where (t.gone_as_of at time zone 'UTC')::date < ({as_of}::timestamptz at time zone 'UTC')::date
""")

_WORDINGS = """
create temp table leaving_wordings on commit drop as
select distinct md5(m.content) as wording_id from raw.chat_sessions as s inner join raw.chat_messages as m on m.session_id = s.id
where s.student_id in (select id from pg_temp.erased) and m.role = 'user'
"""


def drop_erased(connection: psycopg.Connection, tables: Mapping[str, SourceTable], as_of: datetime) -> None:
    """Take rows of students who are erased, or are about to be, out of `incoming`: nobody is taken in again."""
    erasure.drop_rows(connection, tables, _DUE.format(as_of=sql.Literal(as_of)))


def apply(
    connection: psycopg.Connection, catalog: Catalog, as_of: datetime, *, is_tracked: bool, say: Callable[[str], None]
) -> dict[str, int]:
    """Follow `incoming.gone` in the booking transaction: by table the number of rows that are gone, of students those whom this booking missed first; an empty
    one when nothing is gone and nobody erased.

    With `is_tracked` the rows are kept aside as changes, so that edges fire: a student who is gone as a delete, one who is back as an insert.
    """
    erased = erase(connection, catalog, _DUE.format(as_of=sql.Literal(as_of)), as_of, is_tracked=is_tracked)
    students = catalog.sources[STUDENTS]
    others = [table for table in catalog.sources.values() if table is not students]
    counts = {table.name: _take_out(connection, table, _is_gone(table), is_tracked=is_tracked) for table in others}
    returned = "delete from raw.tombstones t using incoming.students i where i.id = t.student_id returning t.student_id"
    missed = """insert into raw.tombstones select row_key::uuid, {as_of} from incoming.gone where table_name = 'students'
                on conflict do nothing returning student_id"""
    back, gone = (
        _note_students(connection, students, warehouse.trusted_sql(statement).format(as_of=sql.Literal(as_of)), op if is_tracked else None)
        for statement, op in ((returned, "insert"), (missed, "delete"))
    )
    connection.execute("delete from incoming.gone")
    counts[STUDENTS] = gone
    has_effect = any(counts.values()) or erased
    if has_effect or back:
        say(f"{sum(counts.values()):,} rows are gone, {gone:,} of them students; {back:,} students are back, {erased:,} were erased")
    return counts if has_effect else {}


def _is_gone(table: SourceTable) -> sql.Composable:
    return sql.SQL("({}) in (select {} from incoming.gone q where q.table_name = {})").format(
        sql.SQL(", ").join(sql.Identifier("r", name) for name in table.key),
        sql.SQL(", ").join(row_rules.quarantined_key(table)),
        table.name,
    )


def _take_out(connection: psycopg.Connection, table: SourceTable, condition: sql.Composable, *, is_tracked: bool) -> int:
    """Rows of raw.<table> (`r`) that met the condition and are there no longer."""
    raw, names = sql.Identifier("raw", table.name), sql.SQL(", ").join(map(sql.Identifier, table.columns))
    delete = sql.SQL("delete from {} r where {}").format(raw, condition)
    if not is_tracked:
        return connection.execute(delete).rowcount
    return connection.execute(
        sql.SQL("with gone as ({} returning {}) insert into {} ({}, op) select *, 'delete' from gone").format(
            delete, names, touching.changed(table.name), names
        )
    ).rowcount


def _note_students(connection: psycopg.Connection, students: SourceTable, statement: sql.Composable, op: str | None) -> int:
    """Do `statement`, which returns ids of students; with `op` their rows of `raw` are changes. The number of students."""
    noted = sql.SQL("")
    if op:
        names = sql.SQL(", ").join(map(sql.Identifier, students.columns))
        noted = sql.SQL(
            ", noted as (insert into {} ({}, op) select {}, {} from raw.students where id in (select student_id from moved))"
        ).format(touching.changed(STUDENTS), names, names, op)
    row = connection.execute(sql.SQL("with moved as ({}){} select count(*) from moved").format(statement, noted)).fetchone()
    return row[0] if row else 0


def hide(connection: psycopg.Connection, catalog: Catalog, student_id: UUID, as_of: datetime, *, is_tracked: bool) -> None:
    """Give a student of `raw` a tombstone, as a night does that misses the student first."""
    statement = sql.SQL(
        "insert into raw.tombstones select id, {} from raw.students where id = {} on conflict do nothing returning student_id"
    ).format(as_of, student_id)
    _note_students(connection, catalog.sources[STUDENTS], statement, "delete" if is_tracked else None)


def erase(connection: psycopg.Connection, catalog: Catalog, students: sql.Composable, as_of: datetime, *, is_tracked: bool) -> int:
    """Erase the students whose ids the query `students` gives: personal rows leave `raw`, what is kept goes under a random id (pg_temp.erased knows both until
    the transaction ends); the number of students."""
    count = erasure.give_ids(connection, students)
    if not count:
        return 0
    connection.execute(
        sql.SQL("insert into ops.erasures select {}, {} from pg_temp.erased on conflict do nothing").format(
            warehouse.trusted_sql(erasure.DIGEST.format("id")), as_of
        )
    )
    connection.execute(_WORDINGS)
    ids = sql.SQL("select id from pg_temp.erased")
    for table in reversed(list(catalog.sources.values())):  # what names a row goes before the row
        if erasure.is_personal(table, catalog.sources):
            _take_out(connection, table, erasure.belongs(table, catalog.sources, ids, ["raw"]), is_tracked=is_tracked)
    question_booking.prune(connection, catalog, "pg_temp.leaving_wordings")
    tables = tables_of_students(connection, catalog)
    _touch(connection, catalog, tables, "id")
    erasure.rekey(connection, tables)
    _touch(connection, catalog, tables, "new_id")
    connection.execute("delete from raw.tombstones where student_id in (select id from pg_temp.erased)")
    connection.execute("delete from incoming.gone where table_name = 'students' and row_key in (select id::text from pg_temp.erased)")
    return count


def tables_of_students(connection: psycopg.Connection, catalog: Catalog) -> list[KeptTable]:
    """The ledger and the tables of models with rows of students, saved or not; those that no run has made yet are left out."""
    saved = keeping.day_tables(catalog)
    beside = [
        KeptTable(model.schema, model.name, model.grain)
        for model in catalog.models.values()
        if "student_id" in model.columns and model.kind != "view" and not model.saved_by
    ]
    there = {row[0] for row in connection.execute("select schemaname || '.' || tablename from pg_tables")}
    return [table for table in (*saved, *beside) if f"{table.schema}.{table.name}" in there]


def _touch(connection: psycopg.Connection, catalog: Catalog, tables: Iterable[KeptTable], column: str) -> None:
    """Touch the keys of rows of models that stand under this id of pg_temp.erased: what is published changes its name, what was not built yet is."""
    for table in tables:
        model = catalog.models.get(table.name)
        if model is None or not model.touch_key:
            continue
        key = [sql.Identifier("k", name) for name in model.touch_key]
        part = sql.SQL("{}::text").format(key[1]) if len(key) == 2 else sql.SQL("''")
        connection.execute(
            sql.SQL(
                "insert into ops.touched select distinct {}, {}, {} from {} k inner join pg_temp.erased e on e.{} = k.student_id on conflict do nothing"
            ).format(table.name, key[0], part, sql.Identifier(table.schema, table.name), sql.Identifier(column))
        )
