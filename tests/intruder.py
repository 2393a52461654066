"""Somebody with the app's rights for one creator who wants to read another's rows.

Belongs here: sessions of the role `creator_reader`, all that they can get to see, and what of it is somebody else's. Does not: attacks (test_isolation).
"""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pipelines import reader_tokens, warehouse
from pipelines.settings import Settings


@dataclass
class Seen:
    """Whatever a session was shown: rows, notices and errors, as text."""

    texts: list[str] = field(default_factory=list)
    row_count: int = 0

    def add(self, rows: Iterable[tuple]) -> None:
        """Take down rows."""
        for row in rows:
            self.row_count += 1
            self.texts.append(" | ".join(map(str, row)))

    def leaks(self, secrets: Iterable[str]) -> list[str]:
        """Which of these values stand in it."""
        everything = "\n".join(self.texts).lower()
        return sorted(secret for secret in secrets if secret.lower() in everything)


@dataclass
class Intruder:
    """A login of the app. It holds a token of `own` and is after the values in `secrets`, which only the creator `other` has."""

    settings: Settings
    login: str
    password: str
    own: str
    other: str
    token: str
    secrets: frozenset[str]

    @contextmanager
    def session(self, token: str | None = None) -> Iterator[psycopg.Connection]:
        """A transaction of the app's login, bound to a token when given; what it made is gone afterwards."""
        address = make_conninfo(self.settings.require_database_url().get_secret_value(), user=self.login, password=self.password)
        with psycopg.connect(address, options="-c statement_timeout=20s") as connection:
            connection.execute("select 1")  # opens the transaction
            if token is not None:
                connection.execute("select set_config('ops.token', %s, true)", (token,))
            yield connection
            connection.rollback()

    def see(self, statements: Iterable[str], token: str | None = None) -> Seen:
        """Run statements one after the other and take down all that they show; one that fails is rolled back, its error kept."""
        seen = Seen()
        with self.session(token) as connection:
            connection.add_notice_handler(lambda notice: seen.texts.append(f"{notice.message_primary} {notice.message_detail}"))
            for statement in statements:
                try:
                    with connection.transaction():
                        _take(connection, statement, seen)
                except psycopg.Error as error:
                    seen.texts.append(f"{error} {error.diag.message_detail} {error.diag.message_hint} {error.diag.context}")
        return seen

    def sweep(self, token: str | None) -> dict[str, Seen]:
        """All that any table, view or function of the database shows, by its name."""
        with warehouse.connect(self.settings) as connection:
            relations = connection.execute(
                """select format('%I.%I', relnamespace::regnamespace, relname) from pg_class
                   where relkind in ('r', 'v', 'm', 'p', 'f') and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')
                       and relnamespace::regnamespace::text !~ '^pg_(temp|toast)' order by 1"""
            ).fetchall()
            functions = connection.execute(
                """select oid::regproc::text, array(select format_type(t, null) from unnest(proargtypes) with ordinality as a (t, n) order by n), pronargdefaults
                   from pg_proc where pronamespace::regnamespace::text in ('analytics', 'ops') and prokind = 'f' and prorettype <> 'trigger'::regtype order by 1"""
            ).fetchall()
        asked = {name: f"select * from {name}" for (name,) in relations}
        for name, kinds, defaults in functions:
            given = [self._argument(kind) for kind in kinds[: len(kinds) - defaults]]
            asked[f"{name}({', '.join(kinds)})"] = f"select {name}({', '.join(given)})"
        return {name: self.see([query], token) for name, query in asked.items()}

    def _argument(self, kind: str) -> str:
        victim = {"uuid": f"'{self.other}'::uuid", "text": f"'{self.other}'"}
        return victim.get(kind, f"null::{kind}")


def _take(connection: psycopg.Connection, statement: str, seen: Seen) -> None:
    """Run one statement, which may be COPY, and keep what it gives."""
    with connection.cursor() as cursor:
        if statement.lstrip().lower().startswith("copy"):
            with cursor.copy(statement.encode()) as copy:
                seen.add((bytes(block).decode(),) for block in copy)
            return
        cursor.execute(statement.encode())
        if cursor.description is not None:
            seen.add(cursor.fetchall())


@contextmanager
def intruder(settings: Settings) -> Iterator[Intruder]:
    """An intruder on this platform: of the two creators with the most students one is its own, the other the victim."""
    login, password = f"app_{uuid.uuid4().hex[:12]}", uuid.uuid4().hex
    with warehouse.connect(settings, autocommit=True) as connection:
        rows = connection.execute(
            "select creator_id::text from raw.students group by creator_id order by count(*) desc, 1 limit 2"
        ).fetchall()
        own, other = rows[0][0], rows[1][0]
        ids = "select id from raw.{0} where creator_id = '{1}'"
        secrets = {other} | {
            str(row[0])
            for name in ("students", "videos", "courses", "quizzes", "chat_sessions")
            for row in connection.execute(ids.format(name, other).encode())
        }
        plain = r"^[a-z.-]+[0-9]+@example"  # the demo's own addresses: each holds the student's number, so that nobody else has it
        mails = connection.execute("select email from raw.students where creator_id = %s and email ~ %s", (other, plain)).fetchall()
        connection.execute(
            sql.SQL("create role {} login password {} in role creator_reader").format(sql.Identifier(login), sql.Literal(password))
        )
        token = reader_tokens.mint(connection, own, timedelta(hours=1), "test").token
    try:
        yield Intruder(settings, login, password, own, other, token, frozenset(secrets | {row[0] for row in mails}))
    finally:
        with warehouse.connect(settings, autocommit=True) as connection:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(login)))
