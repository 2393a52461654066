"""Connections to Postgres, the roles and `ops` tables, and the lock that lets one run write at a time.

Belongs here: opening connections with a clear error, `init-db`, the run lock and `ops.current_run`.
Does not: what a run writes (ingest, publish, export_log).
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pipelines import row_security
from pipelines.problem import Problem, connection_broke, in_words, no_space
from pipelines.settings import Settings

LOCK_NAME = "creator-reports run"
"""Advisory lock of the run that writes; taken through `hashtextextended`, so that any client can take the same one."""


def describe(address: str) -> str:
    """`host:port/database` of a connection string, without user and password, for messages."""
    parts = conninfo_to_dict(address)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


def open_connection(address: str, *, setting: str = "DATABASE_URL", autocommit: bool = False) -> psycopg.Connection:
    """A psycopg connection in UTC; a `Problem` that names the address and `setting` when it cannot be opened."""
    try:
        return psycopg.connect(
            address, autocommit=autocommit, application_name="creator-reports", options="-c timezone=UTC", connect_timeout=10
        )
    except psycopg.OperationalError as error:
        reason = re.sub(r"^.*?(FATAL|failed|error):\s*", "", str(error).strip().splitlines()[0]) or "no answer"
        raise Problem(f"cannot connect to Postgres at {describe(address)}: {reason}; check {setting} and that the server runs.") from None
    except psycopg.ProgrammingError as error:
        raise Problem(
            f"{setting} is not an address of a Postgres database ({str(error).strip().splitlines()[0]}); see .env.example."
        ) from None


def connect(settings: Settings, *, autocommit: bool = False) -> psycopg.Connection:
    """A connection to the warehouse (`DATABASE_URL`)."""
    return open_connection(settings.require_database_url().get_secret_value(), autocommit=autocommit)


def trusted_sql(text: str) -> sql.SQL:
    """SQL that the project wrote (a type or condition from the dbt manifest), never anything that a user typed."""
    return sql.SQL(cast("LiteralString", text))


def set_role(connection: psycopg.Connection, role: str) -> None:
    """Drop to `role` until the transaction ends; row security and grants of that role then decide."""
    connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))


def init_db(settings: Settings) -> None:
    """Make roles, schemas and `ops` tables that are missing. Idempotent; two at once end well."""
    script = files("pipelines").joinpath("ops.sql").read_text()
    with connect(settings) as connection:
        connection.execute("select pg_advisory_xact_lock(hashtextextended('creator-reports init', 0))")
        try:
            connection.execute(script.encode())
            row_security.bind_ops(connection)
        except psycopg.errors.InsufficientPrivilege as error:
            raise Problem(
                f"init-db: {error.diag.message_primary}; connect as a role that may create roles and schemas (CREATEROLE, owner of the database)."
            ) from None


def require_init(connection: psycopg.Connection) -> None:
    """A `Problem` unless `init-db` has been here."""
    if connection.execute("select to_regclass('ops.build')").fetchone() == (None,):
        raise Problem("this database is not prepared yet; run `creator-reports init-db`.")


@dataclass(frozen=True)
class Run:
    """A run that holds the lock: its id, the job, and the instant that it computes for."""

    run_id: str
    job_name: str
    as_of: datetime


class RunGuard:
    """Holds the advisory lock from a run's first writing step to its publish (or its end), one per process and run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: psycopg.Connection | None = None
        self.run: Run | None = None

    def enter(self, run: Run, say: Callable[[str], None], choose_as_of: Callable[[psycopg.Connection], datetime] | None = None) -> Run:
        """Wait for the lock, then stand in `ops.current_run`; a second call of the same run returns what the first one settled.

        `choose_as_of` is asked once the lock is held, when what is published can no longer move.
        """
        if self.run is not None:
            return self.run
        connection = connect(self._settings, autocommit=True)
        try:
            require_init(connection)
            _wait_for_lock(connection, timedelta(minutes=self._settings.lock_wait_minutes), say)
            as_of = choose_as_of(connection) if choose_as_of else run.as_of
            self.run = Run(run.run_id, run.job_name, as_of)
            connection.execute(
                """insert into ops.current_run (run_id, job_name, as_of) values (%s, %s, %s) on conflict (is_only)
                   do update set run_id = excluded.run_id, job_name = excluded.job_name, as_of = excluded.as_of, started_at = clock_timestamp()""",
                (run.run_id, run.job_name, as_of),
            )
        except BaseException:
            self.run = None
            connection.close()
            raise
        self._connection = connection
        return self.run

    def leave(self) -> None:
        """Let the next run in. Safe to call twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self.run = None


def _wait_for_lock(connection: psycopg.Connection, patience: timedelta, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + patience.total_seconds()
    is_told = False
    while connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (LOCK_NAME,)).fetchone() != (True,):
        holder = connection.execute("select job_name, run_id, started_at from ops.current_run").fetchone()
        name = f"{holder[0]} run {holder[1][:8]}, since {holder[2]:%H:%M:%S} UTC" if holder else "another run"
        if time.monotonic() >= deadline:
            raise Problem(
                f"{name} still holds the run lock after {in_words(patience)}; let it end or stop it, then start again (LOCK_WAIT_MINUTES)."
            )
        if not is_told:
            say(f"waiting for {name} to end")
            is_told = True
        time.sleep(0.5)


@contextmanager
def owned_transaction(settings: Settings, run: Run) -> Iterator[psycopg.Connection]:
    """A transaction that holds the row of `ops.current_run` and exists only while that row is `run`'s."""
    with connect(settings) as connection, owned(connection, run):
        yield connection


@contextmanager
def owned(connection: psycopg.Connection, run: Run) -> Iterator[None]:
    """The same as a transaction of a connection that is open already."""
    with connection.transaction():
        row = connection.execute("select run_id from ops.current_run for share").fetchone()
        if row is None or row[0] != run.run_id:
            raise Problem(f"run {run.run_id[:8]} lost its turn to run {row[0][:8] if row else '?'}; nothing was written. Start it again.")
        yield


def current_hour() -> datetime:
    """The last full hour, UTC: the `as_of` of a run that nobody gave one."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def sqlalchemy_url(settings: Settings) -> str:
    """`DATABASE_URL` as SQLAlchemy wants it (psycopg2), password included: for Great Expectations and Dagster's storage."""
    from sqlalchemy import URL  # a second to import, and few callers need it

    parts = {name: str(value) for name, value in conninfo_to_dict(settings.require_database_url().get_secret_value()).items()}
    rest = {name: str(value) for name, value in parts.items() if name not in {"host", "port", "user", "password", "dbname"}}
    port = parts.get("port")
    url = URL.create(
        "postgresql+psycopg2",
        username=parts.get("user"),
        password=parts.get("password"),
        host=parts.get("host", "localhost"),
        port=int(port) if port else None,
        database=parts.get("dbname"),
        query=rest,
    )
    return url.render_as_string(hide_password=False)


def explain(error: psycopg.Error) -> str:
    """One line for an error of Postgres: what happened and what to do."""
    said = " ".join((error.diag.message_primary or str(error)).split())
    if isinstance(error, psycopg.errors.DiskFull):
        return no_space(said)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"Postgres refuses: {said}; run `creator-reports init-db` as a role that may grant it."
    if isinstance(error, psycopg.OperationalError):
        return connection_broke(said)
    return f"Postgres says: {said}."
