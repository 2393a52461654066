"""Rows that are set aside: `ops.quarantine`, and the gates that they close.

Belongs here: judging the rows of `incoming`, moving bad ones out, letting healed ones back in, when a run has to stop. Does not: the rules (yml of the
sources), value rules (expectations), what a closed gate keeps from happening (publish, report_assets, links).

A row is judged by itself first, then by the rows that it names (parents come first: rows that were set aside are not there for their children), then
against rows with the same key.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pipelines import row_rules, warehouse
from pipelines.catalog import SourceTable
from pipelines.gates import BAD_ROWS
from pipelines.snapshot import Snapshot

_FEWEST_READ, _SHARE, _FEWEST_CREATORS = 1000, 0.01, 3
"""A run stops when more than this share of so many rows read of a table, of so many creators, are bad and were not known to be."""


@dataclass(frozen=True)
class Judgement:
    """What was set aside of one table; `stop` says why the run must not go on, if so."""

    set_aside_count: int
    stop: str | None


def read_again(snapshot: Snapshot, table: SourceTable) -> None:
    """Add the rows that stand in quarantine to `incoming`, to be judged again."""
    keys = sql.SQL("select distinct {} from ops.quarantine q where q.table_name = {} and not starts_with(q.row_key, {})").format(
        sql.SQL(", ").join(row_rules.quarantined_key(table)), table.name, row_rules.NO_KEY
    )
    if snapshot.want(table, keys):
        snapshot.read_wanted(table)
    known = "select exists (select from ops.quarantine where table_name = %s and starts_with(row_key, %s))"
    if snapshot.target.execute(known, (table.name, row_rules.NO_KEY)).fetchone() == (True,):
        snapshot.read_keyless(table)


def read_parents(snapshot: Snapshot, table: SourceTable, tables: Mapping[str, SourceTable]) -> None:
    """Add rows that the rows read of `table` name and that neither `raw` nor `incoming` has: a parent may have been committed later than its dates say."""
    for column, name in table.references.items():
        parent = tables[name]
        if snapshot.since[name] is None:
            continue
        keys = sql.SQL(
            """select distinct r.{c} from {child} r where r.{c} is not null and not exists (select from {read} i where i.id = r.{c})
               and not exists (select from {raw} w where w.id = r.{c})"""
        ).format(
            c=sql.Identifier(column),
            child=sql.Identifier("incoming", table.name),
            read=sql.Identifier("incoming", name),
            raw=sql.Identifier("raw", name),
        )
        if snapshot.want(parent, keys):
            snapshot.read_wanted(parent)


def judge(snapshot: Snapshot, table: SourceTable, tables: Mapping[str, SourceTable], read_count: int) -> Judgement:
    """Move bad rows of `incoming.<table>` to quarantine. The tables that it names must have been judged before; `read_count` are the rows new to the run."""
    target, incoming = snapshot.target, sql.Identifier("incoming", table.name)
    looked_up = sql.SQL(", ").join(map(sql.Identifier, dict.fromkeys((*table.key, *table.references))))
    target.execute(sql.SQL("analyze {} ({})").format(incoming, looked_up))
    target.execute("drop table if exists pg_temp.bad")
    count = target.execute(
        sql.SQL("create temp table bad on commit drop as select * from ({}) j where reason is not null").format(
            row_rules.judged(table, tables, snapshot.clock)
        )
    ).rowcount
    remove = sql.SQL("delete from {} r using pg_temp.bad b where r.ctid = b.at").format(incoming)
    if count:
        target.execute(remove)
    if not snapshot.has_unique_key(table):
        doubles = target.execute(sql.SQL("insert into pg_temp.bad {}").format(row_rules.doubles(table, tables))).rowcount
        if doubles:
            target.execute(remove)
        count += doubles
    if not count:
        return Judgement(0, None)
    stop = _find_stop(target, table, read_count)
    target.execute(
        """insert into ops.quarantine (table_name, row_key, reason, creator_id, first_seen_at, last_seen_at)
           select %s, row_key, reason, min(creator_id::text), now(), now() from pg_temp.bad group by row_key, reason
           on conflict (table_name, row_key, reason) do update set last_seen_at = excluded.last_seen_at, creator_id = excluded.creator_id""",
        (table.name,),
    )
    if table.key == ("id",) and table.creator_column:
        target.execute(
            sql.SQL(
                "update ops.quarantine q set creator_id = w.{owner}::text from {raw} w where q.table_name = {name} and q.creator_id is null and w.id = {key}"
            ).format(
                owner=sql.Identifier(table.creator_column),
                raw=sql.Identifier("raw", table.name),
                name=table.name,
                key=row_rules.quarantined_key(table)[0],
            )
        )  # a row that lost its creator is still in the tables of the one whom it had
    return Judgement(count, stop)


def _find_stop(target: psycopg.Connection, table: SourceTable, read_count: int) -> str | None:
    """Why the run must stop because of the rows in `pg_temp.bad`, if it must. A row of an unknown creator counts as one of a creator of its own."""
    new = "not exists (select from ops.quarantine q where q.table_name = %(table)s and q.row_key = b.row_key and q.is_booked)"
    row = target.execute(
        f"select count(*), count(distinct creator_id) + count(*) filter (where creator_id is null) from pg_temp.bad b where {new}".encode(),
        {"table": table.name},
    ).fetchone()
    bad, creators = row or (0, 0)
    if read_count < _FEWEST_READ or bad <= read_count * _SHARE or creators < _FEWEST_CREATORS:
        return None
    reasons = target.execute(
        f"select reason, count(*) from pg_temp.bad b where {new} group by reason order by 2 desc, 1 limit 3".encode(), {"table": table.name}
    ).fetchall()
    said = ", ".join(f"{reason} ({count:,})" for reason, count in reasons)
    return f"{bad:,} of {read_count:,} rows of {table.name} are bad ({bad / read_count:.1%}): {said}"


def release(connection: psycopg.Connection, table: SourceTable) -> None:
    """Forget rows that this run read again and that are bad no longer, or gone. The run goes on without the others."""
    connection.execute(
        "delete from ops.quarantine q using incoming.snapshot s where q.table_name = %s and q.last_seen_at < s.read_at", (table.name,)
    )
    connection.execute("update ops.quarantine set is_booked = true where table_name = %s and not is_booked", (table.name,))


def refresh_gates(connection: psycopg.Connection, run: warehouse.Run) -> None:
    """Close the gates of creators who have rows in quarantine, and open those of the others again."""
    connection.execute(
        """create temp table bad_creators on commit drop as
           select creator_id::uuid as creator_id, %s || string_agg(said, ', ' order by said) as reason
           from (select creator_id, format('%%s in %%s (%%s)', count(*), table_name, reason) as said
                 from ops.quarantine where creator_id is not null group by creator_id, table_name, reason) s group by creator_id""",
        (BAD_ROWS,),
    )
    connection.execute(
        "delete from ops.gates g where starts_with(reason, %s) and not exists (select from pg_temp.bad_creators b where b.creator_id = g.creator_id)",
        (BAD_ROWS,),
    )
    connection.execute(
        """update ops.gates g set reason = b.reason from pg_temp.bad_creators b
           where b.creator_id = g.creator_id and starts_with(g.reason, %s) and g.reason <> b.reason""",
        (BAD_ROWS,),
    )
    connection.execute(
        "insert into ops.gates (creator_id, reason, since) select creator_id, reason, %s from pg_temp.bad_creators on conflict do nothing",
        (run.as_of,),
    )
