"""Who reads which rows: policies and rights of every table of `analytics` and `ops`.

Belongs here: the policies of each kind of table, binding a table by them, and whether a bound table still is what they say. Does not: roles
and the functions that say which creator a session reads as (ops.sql), making tables (published_tables), masked views (deidentified).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from pipelines.problem import Problem


@dataclass(frozen=True)
class Policy:
    """One policy: what it is called, for which role and command, and which rows (SQL). `becomes`: what an updated row has to be then.

    `is_limit`: it opens nothing; whatever other policies open to the role, it is these rows at most.
    """

    name: LiteralString
    role: LiteralString
    command: LiteralString
    rows: LiteralString
    becomes: LiteralString = ""
    is_limit: bool = False

    def statement(self) -> sql.SQL:
        """The DDL, with a place for the table. Rows that are written must be rows that may be read."""
        written = f" with check ({self.becomes or self.rows})" if self.becomes or self.command in {"all", "insert"} else ""
        read = "" if self.command == "insert" else f" using ({self.rows})"
        kind: LiteralString = " as restrictive" if self.is_limit else ""
        return sql.SQL(f"create policy {self.name} on {{}}{kind} for {self.command} to {self.role}{read}{written}")


_OWN_ROWS: LiteralString = "creator_id = (select ops.current_creator())"  # wrapped, so that it is asked once per statement
_PUBLISHER = Policy("publisher_writes", "publisher", "all", "true")
CREATOR_ROWS = (
    _PUBLISHER,
    Policy("bi_reads_all", "bi_reader", "select", "true"),
    Policy("bi_deidentified_reads_all", "bi_reader_deidentified", "select", "true"),
    Policy("renderer_reads_its_creator", "report_renderer", "select", "creator_id = (select ops.render_creator())"),
    Policy("creator_reads_own", "creator_reader", "select", _OWN_ROWS),
)
"""Tables of `analytics` with rows of creators."""
NOBODYS_ROWS = tuple(
    Policy(policy.name, policy.role, policy.command, "true") if policy.role in {"report_renderer", "creator_reader"} else policy
    for policy in CREATOR_ROWS
)
"""Tables of `analytics` that speak of tables, not of creators."""
_OPS: Mapping[str, Sequence[Policy]] = {
    "reader_tokens": (Policy("lookup_reads_all", "token_lookup", "select", "true"),),
    "export_requests": (
        _PUBLISHER,
        Policy("app_asks", "app_requests", "insert", "status = 'requested'"),
        Policy("app_names_rows", "app_requests", "select", "true"),
        Policy("app_cancels", "app_requests", "update", "status in ('requested', 'rendering', 'done')", "status = 'cancelled'"),
        Policy("creator_reads_own", "creator_reader", "select", _OWN_ROWS),
        # A login of both roles has the rights of both, on rows that either may see: without this, all links.
        Policy("creator_keeps_to_own", "creator_reader", "all", _OWN_ROWS, is_limit=True),
    ),
    "report_status": (_PUBLISHER, Policy("creator_reads_own", "creator_reader", "select", _OWN_ROWS)),
}
"""Tables of `ops` that others than the pipeline touch; the rest is the publisher's, as far as it has rights. The pipeline owns them and is not bound."""


def bind(connection: psycopg.Connection, table: sql.Identifier, policies: Sequence[Policy]) -> None:
    """Put a new table of the current role behind `policies`. Its owner is bound as well: it makes tables, and never reads or fills them."""
    for setting in ("enable", "force"):
        connection.execute(sql.SQL("alter table {} {} row level security").format(table, sql.SQL(setting)))
    _add(connection, table, policies)


def bind_ops(connection: psycopg.Connection) -> None:
    """Put every table of `ops` behind row security; policies that are there already stay."""
    tables = connection.execute(
        """select tablename, rowsecurity, array(select policyname from pg_policies p where p.schemaname = 'ops' and p.tablename = t.tablename)
           from pg_tables t where schemaname = 'ops' order by 1"""
    ).fetchall()
    for name, is_bound, policies in tables:
        table = sql.Identifier("ops", name)
        if not is_bound:
            connection.execute(sql.SQL("alter table {} enable row level security").format(table))
        wanted = _OPS.get(name, (_PUBLISHER,))
        _add(connection, table, [policy for policy in wanted if policy.name not in policies])


def _add(connection: psycopg.Connection, table: sql.Identifier, policies: Sequence[Policy]) -> None:
    for policy in policies:
        connection.execute(policy.statement().format(table))


def complete(connection: psycopg.Connection, name: str, policies: Sequence[Policy]) -> None:
    """Add the policies that a newer version of this module brought along. A table without any is left alone: `require` refuses it."""
    found = _policies(connection, "analytics", name)
    if found:
        _add(connection, sql.Identifier("analytics", name), [policy for policy in policies if policy.name not in found])


def require(connection: psycopg.Connection, tables: Mapping[str, Sequence[Policy]]) -> None:
    """A `Problem` unless each table of `analytics` is bound by just its policies: rows are never published into a hole, and no hole is mended in silence.

    Policies that an administrator made for other roles are left alone.
    """
    wanted = {policies: _as_written(connection, policies) for policies in {tuple(policies) for policies in tables.values()}}
    for name, policies in tables.items():
        found, right = _policies(connection, "analytics", name), wanted[tuple(policies)]
        ours = {policy.role for policy in policies} | {"public"}
        wrong = [policy for policy in right if found.get(policy) != right[policy]]
        wrong += [policy for policy, said in found.items() if policy not in right and ours & set(said[1])]
        flags = connection.execute(
            "select relrowsecurity and relforcerowsecurity from pg_class where oid = to_regclass(%s)", (f"analytics.{name}",)
        ).fetchone()
        if flags != (True,):
            wrong.append("it is off")
        if wrong:
            raise Problem(
                f"the row security of analytics.{name} is not as it was made ({', '.join(sorted(wrong))}), so nothing is published;"
                " find out who changed it, then make it anew with `creator-reports init-db --rebind`."
            )


def _as_written(connection: psycopg.Connection, policies: Sequence[Policy]) -> dict[str, tuple]:
    """The policies as this server writes them, whatever its version."""
    table = sql.Identifier("pg_temp", "as_it_should_be")
    connection.execute(sql.SQL("create temp table as_it_should_be (creator_id uuid)"))
    _add(connection, table, policies)
    row = connection.execute("select nspname from pg_namespace where oid = pg_my_temp_schema()").fetchone()
    assert row is not None  # a table was just made in it
    written = _policies(connection, row[0], "as_it_should_be")
    connection.execute(sql.SQL("drop table {}").format(table))
    return written


def _policies(connection: psycopg.Connection, schema: str, name: str) -> dict[str, tuple]:
    """The policies of a table by name: as Postgres itself writes them."""
    rows = connection.execute(
        "select policyname, permissive, roles, cmd, qual, with_check from pg_policies where schemaname = %s and tablename = %s",
        (schema, name),
    ).fetchall()
    return {row[0]: (row[1], tuple(row[2]), *row[3:]) for row in rows}


def rebind(connection: psycopg.Connection, name: str, policies: Sequence[Policy]) -> None:
    """Make our policies of `analytics.<name>` anew, and drop others that speak to our roles or to everybody."""
    table = sql.Identifier("analytics", name)
    ours = {policy.role for policy in policies} | {"public"}
    for found, said in _policies(connection, "analytics", name).items():
        if found in {policy.name for policy in policies} or ours & set(said[1]):
            connection.execute(sql.SQL("drop policy {} on {}").format(sql.Identifier(found), table))
    bind(connection, table, policies)
