"""The platform's tables (schema `app`): built, replaced, recognised, and stripped of constraints.

Belongs here: the tables of the source contract, and whose they are. Does not: rows (demo.py, oulad.py, life.py).

A schema that a loader of ours made carries the comment MARK. Only such a schema, or one without any table, is ever replaced:
a customer's own tables are refused.
"""

from pathlib import Path

import psycopg
from psycopg import sql

from pipelines.problem import Problem
from pipelines.warehouse import open_connection

MARK = "creator-reports demo source"
"""The comment on a schema that our loaders made, and so may replace."""

TABLES = (
    "creators", "creator_preferences", "courses", "students", "videos", "video_progress", "chat_sessions", "chat_messages", "quizzes",
    "quiz_attempts", "projects", "project_submissions", "achievements", "student_achievements", "xp_transactions", "analytics_events",
)  # fmt: skip
"""The tables of the contract, in an order in which foreign keys can be filled."""

CONSTRAINTS = """
select format('alter table %%I.%%I drop constraint %%I', n.nspname, t.relname, c.conname),
       format('alter table %%I.%%I add constraint %%I %%s', n.nspname, t.relname, c.conname, pg_get_constraintdef(c.oid))
from pg_constraint as c join pg_class as t on t.oid = c.conrelid join pg_namespace as n on n.oid = t.relnamespace
where n.nspname = %s and c.contype in ('p', 'u', 'c', 'f')
order by c.contype = 'f', c.contype <> 'p', t.relname, c.conname"""

INDEXES = """
select format('drop index %%I.%%I', n.nspname, i.relname), pg_get_indexdef(i.oid)
from pg_index as x join pg_class as i on i.oid = x.indexrelid join pg_namespace as n on n.oid = i.relnamespace
where n.nspname = %s and not exists (select from pg_constraint as c where c.conindid = i.oid and c.contype in ('p', 'u'))
order by i.relname"""

NOT_NULLS = """
select format('alter table %%I.%%I alter column %%I drop not null', n.nspname, t.relname, a.attname)
from pg_attribute as a join pg_class as t on t.oid = a.attrelid join pg_namespace as n on n.oid = t.relnamespace
where n.nspname = %s and t.relkind = 'r' and a.attnum > 0 and a.attnotnull and not a.attisdropped
order by t.relname, a.attnum"""


def build(connection: psycopg.Connection, *, schema: str = "app", replica: bool = False) -> None:
    """Makes the empty tables of the contract in `schema`, in place of those that a loader of ours left there; does not commit.

    `replica`: the same columns and the indexes on watermark columns, without keys, not null, checks and foreign keys.
    Raises Problem when the schema holds tables that are not ours, or the role may not make it.
    """
    connection.execute("select pg_advisory_xact_lock(hashtextextended('creator-reports source ' || %s, 0))", [schema])
    require_ours_or_empty(connection, schema)
    name = sql.Identifier(schema)
    try:
        if is_ours(connection, schema):
            connection.execute(sql.SQL("drop schema {} cascade").format(name))
        connection.execute(sql.SQL("create schema if not exists {}").format(name))
        connection.execute(sql.SQL("comment on schema {} is {}").format(name, MARK))
        enter(connection, schema)
        connection.execute(Path(__file__).with_name("source.sql").read_bytes())
    except psycopg.errors.InsufficientPrivilege as error:
        raise Problem(
            f"cannot make the schema {schema}: {error.diag.message_primary}; connect as the owner of the database and of that schema"
        ) from None
    if replica:
        strip(connection, schema)


def enter(connection: psycopg.Connection, schema: str) -> None:
    """Until the transaction ends, bare table names mean those of `schema`, and instants are written and read in UTC."""
    connection.execute("select set_config('search_path', quote_ident(%s), true), set_config('timezone', 'UTC', true)", [schema])


def exists(address: str, schema: str) -> bool:
    """Whether the source at `address` has the platform's tables, whoever made them. Raises Problem when it cannot be reached."""
    with open_connection(address, setting="SOURCE_URL") as connection:
        return connection.execute("select to_regclass(format('%%I.creators', %s::text)) is not null", [schema]).fetchone() == (True,)


def is_ours(connection: psycopg.Connection, schema: str) -> bool:
    """Whether a loader of ours made this schema."""
    query = "select from pg_namespace where nspname = %s and obj_description(oid, 'pg_namespace') = %s"
    return connection.execute(query, [schema, MARK]).fetchone() is not None


def require_ours_or_empty(connection: psycopg.Connection, schema: str) -> None:
    """A Problem when the schema holds tables that no loader of ours made."""
    query = "select count(*) from pg_class as t join pg_namespace as n on n.oid = t.relnamespace where n.nspname = %s"
    row = connection.execute(query, [schema]).fetchone()
    if row and row[0] and not is_ours(connection, schema):
        raise Problem(f"the schema {schema} of this database was not made by creator-reports; name another database for made-up rows")


def strip(connection: psycopg.Connection, schema: str) -> None:
    """Leaves what a logical replica has at the least: columns, and the indexes on watermarks."""
    watermarks = [made for made in take_off(connection, schema) if made.startswith("CREATE INDEX") and made.endswith("_at)")]
    put_back(connection, watermarks)
    for (statement,) in connection.execute(NOT_NULLS, [schema]).fetchall():
        connection.execute(statement)


def take_off(connection: psycopg.Connection, schema: str) -> list[str]:
    """Drops keys, checks, foreign keys and indexes (not null stays); returns the statements that make them again, in order.

    Tables are filled several times faster without them.
    """
    constraints = connection.execute(CONSTRAINTS, [schema]).fetchall()
    indexes = connection.execute(INDEXES, [schema]).fetchall()
    for drop, _ in [*reversed(constraints), *indexes]:
        connection.execute(drop)
    foreign = [made for _, made in constraints if " FOREIGN KEY " in made]
    return [made for _, made in constraints if made not in foreign] + [made for _, made in indexes] + foreign


def put_back(connection: psycopg.Connection, definitions: list[str]) -> None:
    """Makes again what `take_off` took; rows that break a constraint raise psycopg.errors.IntegrityError."""
    for definition in definitions:
        connection.execute(definition.encode())
