"""What the published tables are like, in one digest: columns, indexes, policies, rights, comments, views and functions, and what they were to be.

Belongs here: the digest, and the one that the last publish left. Does not: making anything (published_tables).

Nearly every publish finds all as the last one left it. To ask that of each table by itself takes some three hundred statements.
"""

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import psycopg

from pipelines.catalog import Mart

_MAKERS = (
    "deidentified.py",
    "migration.py",
    "pages.py",
    "pages.sql",
    "planner_statistics.py",
    "published_tables.py",
    "row_security.py",
)
"""Files that say what a published table is to be like."""
_STATE = """
with relations as (
    select c.oid, n.nspname, c.relname, row('c', n.nspname, c.relname, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity, c.relacl)::text as said
    from pg_class as c
    inner join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('analytics', 'analytics_deidentified') or n.nspname = 'ops' and not starts_with(c.relname, 'added_')
)
select md5(string_agg(lines.said, chr(10) order by lines.said)) from (
    select said from relations
    union all
    select row('a', r.nspname, r.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstattarget, a.attacl)::text
    from pg_attribute as a inner join relations as r on r.oid = a.attrelid
    where a.attnum > 0 and not a.attisdropped and (r.nspname <> 'ops' or a.attstattarget = 0)
    union all
    select row('p', p.*)::text from pg_policies as p where p.schemaname in ('analytics', 'ops')
    union all
    select row('i', i.*)::text from pg_indexes as i where i.schemaname = 'analytics'
    union all
    select row('v', v.*)::text from pg_views as v where v.schemaname = 'analytics_deidentified'
    union all
    select row('d', r.nspname, r.relname, d.objsubid, d.description)::text
    from pg_description as d inner join relations as r on r.oid = d.objoid
    where d.classoid = 'pg_class'::regclass and r.nspname <> 'ops'
    union all
    select row('f', f.oid::regprocedure, f.proowner, f.prosrc, f.prosecdef, f.proconfig, f.proacl)::text
    from pg_proc as f where f.pronamespace = 'analytics'::regnamespace
    union all
    select row('m', m.roleid::regrole, m.member::regrole)::text from pg_auth_members as m
) as lines
"""


def is_as_left(connection: psycopg.Connection, marts: Iterable[Mart]) -> bool:
    """Whether nothing about the tables of `marts` changed since `leave`: neither what they are like nor what they are to be like."""
    row = connection.execute("select shape from ops.build").fetchone()
    return row is not None and row[0] is not None and row[0] == _digest(connection, marts)


def leave(connection: psycopg.Connection, marts: Iterable[Mart]) -> None:
    """Note what the tables are like, now that they are as they are to be."""
    connection.execute("update ops.build set shape = %s", (_digest(connection, marts),))


def forget(connection: psycopg.Connection) -> None:
    """Let the next publish ask for everything: it is not yet as it is to be."""
    connection.execute("update ops.build set shape = null")


def _digest(connection: psycopg.Connection, marts: Iterable[Mart]) -> str:
    row = connection.execute(_STATE).fetchone()
    wanted = hashlib.sha256(repr(list(marts)).encode() + _makers()).hexdigest()
    return f"{wanted[:32]}:{row[0] if row else ''}"


@cache
def _makers() -> bytes:
    return b"".join(Path(__file__).with_name(name).read_bytes() for name in _MAKERS)
