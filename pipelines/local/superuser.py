"""What the superuser does in the embedded Postgres: roles and databases.

Belongs here: the only use of the superuser's password. Does not: the server process (postgres), the pipeline's roles (warehouse).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pipelines.local.folder import RESET
from pipelines.local.keys import Secrets
from pipelines.problem import Problem

DATABASE = "creator_reports"

NOT_YET = ("onnection refused", "onnection reset", "the database system is", "timeout expired", "server closed the connection")
"""Words in the errors of a server that is coming up."""


@dataclass(frozen=True)
class Superuser:
    """The superuser of the server on this port of 127.0.0.1."""

    port: int
    secrets: Secrets

    def url(self, role: str, password: str, database: str = DATABASE) -> str:
        """The address of a database for a role."""
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def is_answered(self) -> bool:
        """Whether the server takes connections; one that it or libpq refuses for good (a password, an odd PGSERVICE) is an answer too."""
        try:
            self._open().close()
        except psycopg.OperationalError as error:
            return not any(words in str(error) for words in NOT_YET)
        return True

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """A connection in which each statement is a transaction of its own.

        Raises:
            Problem: the server refuses the password, or does not answer.
        """
        try:
            connection = self._open()
        except psycopg.OperationalError as error:
            if "authentication failed" in str(error):
                raise Problem(
                    f"PostgreSQL on port {self.port} refuses the password in secrets.json; put that file back, {RESET}."
                ) from None
            reason = " ".join(str(error).split())[:200]
            raise Problem(f"PostgreSQL on port {self.port} cannot be used ({reason}); mend that, or run `creator-reports up`.") from None
        with connection:
            try:
                yield connection
            except psycopg.errors.DiskFull:
                raise Problem("PostgreSQL's disk is full; make room, then run the command again.") from None

    def prepare(self) -> None:
        """Make the roles and the database that are missing; `bi_reader` too, so that `bi` is a member before init-db grants it anything."""
        logins = {
            "pipeline": (sql.SQL("createrole"), self.secrets.pipeline_password),
            "bi": (sql.SQL("nocreaterole"), self.secrets.bi_password),
        }
        with self.connect() as connection:
            roles = {name for (name,) in connection.execute("select rolname from pg_roles")}
            for role, (right, password) in logins.items():
                if role not in roles:
                    # Encrypted here: a failing statement stands in the server's log.
                    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
                    create = sql.SQL("create role {} login {} password {}")
                    connection.execute(create.format(sql.Identifier(role), right, sql.Literal(verifier)))
            if "bi_reader" not in roles:
                connection.execute("create role bi_reader nologin")
            connection.execute("grant bi_reader to bi")
            # What `pipeline` would hold had it made the role itself.
            connection.execute("grant bi_reader to pipeline with admin true, inherit false, set false")
            if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
                self._create(connection, DATABASE)

    def create_database(self, name: str) -> str:
        """A new empty database that `pipeline` owns; its address for that role.

        Raises:
            Problem: it exists already.
        """
        with self.connect() as connection:
            try:
                self._create(connection, name)
            except psycopg.errors.DuplicateDatabase:
                raise Problem(f"the database {name} exists already; choose another name.") from None
        return self.url("pipeline", self.secrets.pipeline_password, name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _open(self) -> psycopg.Connection:
        # The caller's PGSSLMODE and PGOPTIONS are meant for other servers.
        url = self.url("postgres", self.secrets.superuser_password, "postgres")
        return psycopg.connect(url, autocommit=True, connect_timeout=5, sslmode="disable", gssencmode="disable", options="")

    def _create(self, connection: psycopg.Connection, name: str) -> None:
        connection.execute(sql.SQL("create database {} owner pipeline").format(sql.Identifier(name)))
