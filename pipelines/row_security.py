"""Who reads which rows: policies and rights of every table of `analytics` and `ops`.

Belongs here: the policies of each kind of table, binding a table by them, and whether a bound table still is what they say. Does not: roles
and the functions that say which creator a session reads as (ops.sql), making tables (published_tables), masked views (deidentified).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from pipelines import planner_statistics
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
_READERS = ("bi_reader", "bi_reader_deidentified", "report_renderer", "creator_reader", "app_requests")
"""Our roles that read: a policy that somebody made for one of them opens a table that is closed to it."""


def bind(connection: psycopg.Connection, table: sql.Identifier, policies: Sequence[Policy]) -> None:
    """Put a new table of the current role behind `policies`. Its owner is bound as well: it makes tables, and never reads or fills them."""
    for setting in ("enable", "force"):
        connection.execute(sql.SQL("alter table {} {} row level security").format(table, sql.SQL(setting)))
    _add(connection, table, policies)


def bind_ops(connection: psycopg.Connection) -> None:
    """Put every table of `ops` behind row security; policies that are there already stay."""
    there = _policies(connection, "ops")
    for name, policies in _ops(connection).items():
        table, found = sql.Identifier("ops", name), there.get(name, {})
        connection.execute(sql.SQL("alter table {} enable row level security").format(table))
        _add(connection, table, [policy for policy in policies if policy.name not in found])
        if any(policy.role == "creator_reader" for policy in policies):
            planner_statistics.hide(connection, "ops", [name])


def _ops(connection: psycopg.Connection) -> Mapping[str, Sequence[Policy]]:
    """The tables of `ops`, each with its policies; but for those of one run (additions), on which nobody but their owner has a right."""
    rows = connection.execute(
        "select tablename from pg_tables where schemaname = 'ops' and not starts_with(tablename, 'added_') order by 1"
    )
    return {name: _OPS.get(name, (_PUBLISHER,)) for (name,) in rows}


def _add(connection: psycopg.Connection, table: sql.Identifier, policies: Sequence[Policy]) -> None:
    for policy in policies:
        connection.execute(policy.statement().format(table))


def complete(connection: psycopg.Connection, name: str, policies: Sequence[Policy]) -> None:
    """Add the policies that a newer version of this module brought along. A table without any is left alone: `require` refuses it."""
    found = _policies(connection, "analytics", name).get(name)
    if found:
        _add(connection, sql.Identifier("analytics", name), [policy for policy in policies if policy.name not in found])


def require(connection: psycopg.Connection, tables: Mapping[str, Sequence[Policy]]) -> None:
    """A `Problem` unless each of these tables of `analytics`, and each of `ops`, is bound by just its policies: rows are never published into a hole, and no
    hole is mended in silence.

    Policies that an administrator made for other roles are left alone.
    """
    for schema, bound in (("analytics", tables), ("ops", _ops(connection))):
        wanted = {policies: _as_written(connection, policies) for policies in {tuple(policies) for policies in bound.values()}}
        found, off = _policies(connection, schema), _unbound(connection, schema)
        for name, policies in bound.items():
            wrong = [*(["it is off"] if name in off else []), *_wrong(found.get(name, {}), wanted[tuple(policies)], policies)]
            if wrong:
                raise Problem(
                    f"the row security of {schema}.{name} is not as it was made ({', '.join(sorted(wrong))}), so nothing is published;"
                    " find out who changed it, then make it anew with `creator-reports init-db --rebind`."
                )


def _wrong(found: Mapping[str, tuple], right: Mapping[str, tuple], policies: Sequence[Policy]) -> list[str]:
    """Names of policies that are missing, changed, or open the table to one of our roles on top of ours."""
    ours = {policy.role for policy in policies} | {*_READERS, "public"}
    changed = [policy for policy in right if found.get(policy) != right[policy]]
    return changed + [policy for policy, said in found.items() if policy not in right and ours & set(said[1])]


def _unbound(connection: psycopg.Connection, schema: str) -> set[str]:
    """Tables of the schema whose row security is off, or does not bind their owner where it should."""
    rows = connection.execute(
        "select relname from pg_class where relnamespace = %s::regnamespace and relkind = 'r' and not (relrowsecurity and (relforcerowsecurity or %s))",
        (schema, schema == "ops"),
    )
    return {name for (name,) in rows}


def _as_written(connection: psycopg.Connection, policies: Sequence[Policy]) -> Mapping[str, tuple]:
    """The policies as this server writes them, whatever its version."""
    table = sql.Identifier("pg_temp", "as_it_should_be")
    connection.execute("create temp table as_it_should_be (creator_id uuid, status text)")  # columns that policies name
    _add(connection, table, policies)
    row = connection.execute("select nspname from pg_namespace where oid = pg_my_temp_schema()").fetchone()
    assert row is not None  # a table was just made in it
    written = _policies(connection, row[0], "as_it_should_be")["as_it_should_be"]
    connection.execute(sql.SQL("drop table {}").format(table))
    return written


def _policies(connection: psycopg.Connection, schema: str, name: str = "") -> Mapping[str, Mapping[str, tuple]]:
    """The policies of a schema's tables, or of one of them, by table and name: as Postgres itself writes them."""
    found: dict[str, dict[str, tuple]] = {}
    for table, policy, *said in connection.execute(
        "select tablename, policyname, permissive, roles, cmd, qual, with_check from pg_policies where schemaname = %s and %s::text in ('', tablename)",
        (schema, name),
    ):
        found.setdefault(table, {})[policy] = (said[0], tuple(said[1]), *said[2:])
    return found


def rebind(connection: psycopg.Connection, name: str, policies: Sequence[Policy]) -> None:
    """Make our policies of `analytics.<name>` anew, and drop others that speak to our roles or to everybody."""
    _unbind(connection, "analytics", name, policies)
    bind(connection, sql.Identifier("analytics", name), policies)


def rebind_ops(connection: psycopg.Connection) -> int:
    """The same for every table of `ops`: how many there are."""
    tables = _ops(connection)
    with connection.transaction():  # between a policy that limits and one that opens nobody may look in
        for name, policies in tables.items():
            _unbind(connection, "ops", name, policies)
        bind_ops(connection)
    return len(tables)


def _unbind(connection: psycopg.Connection, schema: str, name: str, policies: Sequence[Policy]) -> None:
    ours = {policy.role for policy in policies} | {*_READERS, "public"}
    for found, said in _policies(connection, schema, name).get(name, {}).items():
        if found in {policy.name for policy in policies} or ours & set(said[1]):
            connection.execute(sql.SQL("drop policy {} on {}").format(sql.Identifier(found), sql.Identifier(schema, name)))
