"""Forgetting one student at once, as a person may demand: what a night does for students who left the source, and what is published and saved besides.

Belongs here: the order of it, personal texts of tables that the next run computes anew, published rows, a creator's objects. Does not: whose a row is
(erasure), tombstones and what leaves `raw` (deletions), ending links (revocation), the saved days (keeping).

First the student gets a tombstone, with all keys that this touches, as if a night had missed the student; then, in a second transaction, the personal rows
leave, what is kept for counting goes under a random id, and the id's digest stands in `ops.erasures`, so that no run takes the person in again. What is
published about others (counts, rates) follows with the next run, by the touched keys. Killed anywhere, the same command again ends the same.

Over 200 lines: the two transactions and what follows them are read as one story.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from pipelines import (
    additions,
    deletions,
    erasure,
    keeping,
    ledger,
    mirror_tables,
    models,
    publish,
    quarantine,
    revocation,
    touching,
    warehouse,
)
from pipelines.catalog import Catalog
from pipelines.erasure import STUDENTS
from pipelines.problem import Problem
from pipelines.settings import Settings
from pipelines.store import Store

JOB = "forget-student"
Say = Callable[[str], None]

_TEXTS = {"int_students_tiered": ("name", "email"), "int_messages_answered": ("wording",)}
"""Personal texts in tables that other tables rest on: emptied at once. Their rows stay until the next run, which learns from them what has to follow."""

_QUESTIONS = ("top_questions", "recommendations")
"""Marts that show questions in the words of who asked: a gap is recommended in them too."""

_ASKED = "(creator_id, question_id) in (select creator_id, question_id from pg_temp.asked)"


@dataclass(frozen=True)
class Forgotten:
    """What was done: the creators whose files were deleted, and how many files these were; whether the student was forgotten before."""

    creators: tuple[str, ...]
    object_count: int
    was_erased: bool


def require_known(settings: Settings, student_id: UUID) -> bool:
    """A `Problem` unless the student stands in the warehouse, in the source or among the erased; whether the latter."""
    digest = warehouse.trusted_sql(erasure.DIGEST.format("id"))
    with warehouse.connect(settings) as connection:
        found = sql.SQL("select {} in (select student_digest from ops.erasures) from (values ({})) s (id)").format(digest, student_id)
        is_erased = connection.execute(found).fetchone() == (True,)
        places = ("raw.students.id", "raw.tombstones.student_id", "raw.watch_gains.student_id", "intermediate.int_student_days.student_id")
        is_known = is_erased or any(_stands(connection, place, student_id) for place in places)
    if not is_known:
        with warehouse.open_connection(settings.source_address, setting="SOURCE_URL") as source:
            is_known = _stands(source, f"{settings.source_schema}.students.id", student_id)
    if not is_known:
        raise Problem(
            f"no student {student_id}: neither in the warehouse nor in the source, nor among the erased. Nothing was done; check the id."
        )
    return is_erased


def _stands(connection: psycopg.Connection, place: str, student_id: UUID) -> bool:
    """Whether a row of `schema.table.column` has the id."""
    schema, table, column = place.split(".")
    if connection.execute("select to_regclass(format('%%I.%%I', %s::text, %s::text))", (schema, table)).fetchone() == (None,):
        return False
    query = sql.SQL("select exists (select from {} where {}::text = {})").format(
        sql.Identifier(schema, table), sql.Identifier(column), str(student_id)
    )
    return connection.execute(query).fetchone() == (True,)


def forget(settings: Settings, catalog: Catalog, student_id: UUID, *, requested_by: str, say: Say) -> Forgotten:
    """Forget a student under the run lock: rows, published rows, objects that may name the student, saved days. Returns when the bucket holds the erasure."""
    reports, saved = Store(settings), Store(settings, is_ledger=True)
    for store in (reports, saved):
        store.require()
    was_erased = require_known(settings, student_id)
    guard, now = warehouse.RunGuard(settings), warehouse.current_hour()
    try:
        run = guard.enter(warehouse.Run(str(uuid4()), JOB, now), say, lambda connection: publish.reached_as_of(connection) or now)
        with warehouse.connect(settings) as connection:
            mirror_tables.make(connection, list(catalog.sources.values()))
        _hide(settings, catalog, run, student_id)
        wish = revocation.Wish(run.run_id, requested_by, "a student was erased")
        creators = _erase(settings, catalog, run, student_id, wish)
        say("rows: erased, what is published about the student included")
        with warehouse.connect(settings, autocommit=True) as connection:
            object_count = revocation.delete_leaving(connection, reports)
        say(f"objects: {object_count:,} deleted, of {len(creators)} creators")
        keeping.save(settings, catalog, say=say)
        say("saved: the days with rows of the student are written anew, and the erasure with them")
    finally:
        guard.leave()
    return Forgotten(creators, object_count, was_erased)


def _hide(settings: Settings, catalog: Catalog, run: warehouse.Run, student_id: UUID) -> None:
    """The tombstone, and what it touches: while all rows of the student are there to tell."""
    with warehouse.owned_transaction(settings, run) as connection:
        pieces = _open_changes(connection, catalog)
        deletions.hide(connection, catalog, student_id, run.as_of, is_tracked=bool(pieces))
        _touch(connection, catalog, run, pieces)


def _erase(settings: Settings, catalog: Catalog, run: warehouse.Run, student_id: UUID, wish: revocation.Wish) -> tuple[str, ...]:
    """All rows of the student, in one transaction with the end of the links to files that may name the student; the creators whose files these were."""
    with warehouse.owned_transaction(settings, run) as connection:
        creators = _creators(connection, student_id)
        pieces = _open_changes(connection, catalog)
        leaving = sql.SQL("select {}::uuid as student_id").format(student_id)
        erasure.drop_rows(connection, catalog.sources, leaving)
        _note_questions(connection, student_id)
        deletions.erase(connection, catalog, leaving, run.as_of, is_tracked=bool(pieces))
        _touch(connection, catalog, run, pieces)
        touching.stop_waiting(connection)
        for table in ("touched", "waiting"):  # no row stands under that id any more
            name = sql.Identifier("ops", table)
            connection.execute(sql.SQL("delete from {} where key_id = {} or key_part = {}").format(name, student_id, str(student_id)))
        connection.execute("delete from ops.quarantine where strpos(row_key, %s) > 0", (str(student_id),))
        quarantine.refresh_gates(connection, run)
        _empty_texts(connection, catalog)
        _take_back(connection, catalog, student_id)
        for creator in creators:
            revocation.renew_generation(connection, creator, wish)
    return creators


def _open_changes(connection: psycopg.Connection, catalog: Catalog) -> list[models.Model]:
    """Prepare for changes of `raw` as a booking does; the models that are built by touched keys, none before the first booking."""
    additions.clear(connection, catalog.models.values())
    touching.open_changes(connection, list(catalog.sources.values()))
    ledger.open_positions(connection)
    if connection.execute("select booked_as_of is not null from ops.build").fetchone() != (True,):
        return []
    whole = models.outdated(connection, catalog.models)
    return [model for model in catalog.models.values() if model.touch_key and model.name not in whole]


def _touch(connection: psycopg.Connection, catalog: Catalog, run: warehouse.Run, pieces: list[models.Model]) -> None:
    row = connection.execute("select booked_as_of from ops.build").fetchone()
    if pieces and row:
        touching.touch(connection, list(catalog.sources.values()), pieces, row[0], row[0])


def _creators(connection: psycopg.Connection, student_id: UUID) -> tuple[str, ...]:
    """Creators whose files may name the student: the student's own, and those with the student among their viewers or in their chats."""
    query = sql.SQL(" union ").join(
        sql.SQL("select creator_id::text from {} where {} = {}").format(sql.Identifier("raw", table), sql.Identifier(column), student_id)
        for table, column in ((STUDENTS, "id"), ("watch_gains", "student_id"), ("chat_sessions", "student_id"))
    )
    return tuple(sorted(row[0] for row in connection.execute(query) if row[0] is not None))


def _is_there(connection: psycopg.Connection, schema: str, name: str) -> bool:
    return connection.execute("select to_regclass(%s)", (f"{schema}.{name}",)).fetchone() != (None,)


def _note_questions(connection: psycopg.Connection, student_id: UUID) -> None:
    """Keep in pg_temp.asked what the student asked, maybe in words that are shown."""
    connection.execute("create temp table asked (creator_id uuid, question_id text) on commit drop")
    if _is_there(connection, "intermediate", "int_messages_answered"):
        connection.execute(
            """insert into pg_temp.asked select distinct m.creator_id, coalesce(g.group_id, m.question_id) from intermediate.int_messages_answered m
               left join raw.question_groups g on g.creator_id = m.creator_id and g.question_id = m.question_id
               where m.student_id = %s and m.is_question""",
            (student_id,),
        )
    connection.execute("grant select on pg_temp.asked to publisher")


def _empty_texts(connection: psycopg.Connection, catalog: Catalog) -> None:
    """Empty personal texts of rows that stand under the random id, until the next run computes them anew; in marts, on which nothing rests, rows go whole."""
    row = connection.execute("select new_id from pg_temp.erased").fetchone()
    assert row is not None  # erase has given one
    for table in deletions.tables_of_students(connection, catalog):
        name, texts = sql.Identifier(table.schema, table.name), _TEXTS.get(table.name, ())
        if table.schema == "marts" and not table.saved_by:
            connection.execute(sql.SQL("delete from {} where student_id = {}").format(name, row[0]))
        elif texts:
            sets = sql.SQL(", ").join(sql.SQL("{} = null").format(sql.Identifier(text)) for text in texts)
            connection.execute(sql.SQL("update {} set {} where student_id = {}").format(name, sets, row[0]))
    if _is_there(connection, "intermediate", "int_questions"):
        connection.execute(f"update intermediate.int_questions set question = '', example_wordings = null where {_ASKED}".encode())
    for mart in _QUESTIONS:
        if _is_there(connection, "marts", mart):
            connection.execute(f"delete from marts.{mart} where {_ASKED}".encode())


def _take_back(connection: psycopg.Connection, catalog: Catalog, student_id: UUID) -> None:
    """Published rows: those of saved tables go under the random id, the others go; and questions in the student's words, until a run has counted who else asks them."""
    row = connection.execute("select new_id from pg_temp.erased").fetchone()
    saved = {table.name for table in keeping.day_tables(catalog)}
    warehouse.set_role(connection, "publisher")
    for mart in catalog.marts.values():
        if not _is_there(connection, "analytics", mart.name):
            continue
        name, columns = sql.Identifier("analytics", mart.name), {column.name for column in mart.columns}
        if "student_id" in columns and mart.name in saved and row:
            connection.execute(sql.SQL("update {} set student_id = {} where student_id = {}").format(name, row[0], student_id))
        elif "student_id" in columns:
            connection.execute(sql.SQL("delete from {} where student_id = {}").format(name, student_id))
        if mart.name in _QUESTIONS:
            connection.execute(f"delete from analytics.{mart.name} where {_ASKED}".encode())
    connection.execute("reset role")
