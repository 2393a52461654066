"""Marts to `analytics`: rows merged in one transaction.

Belongs here: the merge, `analytics.published`, what is touched no longer once it is published.
Does not: making the tables (published_tables), computing or checking rows (dbt, audit), reading them (render).
Over 200 lines by the statements of the merge, of touched rows and of all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from pipelines import gates, published_tables, restatements, touching, warehouse
from pipelines.catalog import Mart
from pipelines.problem import Problem
from pipelines.settings import Settings

_FEWEST_LOST = 20
"""Fewer rows than this may go unasked: the tables of a small platform come and go."""

_FREE = "not exists (select from pg_temp.held h where h.creator_id = {}.creator_id)"
_WRITE = (
    "insert into {{to}} ({{names}}) select {{from_names}} from {rows} and "
    + _FREE.format("m")
    + " on conflict ({{key}}) do update set {{sets}}"
)

_OWN = "{same} and m.creator_id = a.creator_id"
"""The row of the mart that a published row is of. One that went to another creator leaves the old one also while the new one is held back."""

_WHOLE = (
    f"delete from {{to}} a where not exists (select from {{of}} m where {_OWN}) and " + _FREE.format("a"),
    # A creator's rows lie together then: whoever reads one creator reads few pages.
    _WRITE.format(
        rows="(select m.* from {of} m where not exists (select from {to} a where {same} and ({old}) is not distinct from ({new}))"
        " order by m.creator_id) as m where true"
    ),
)
"""What is gone and what differs, of all rows."""

_TOUCHED = (
    "delete from {to} a where a.ctid = any (array(select a.ctid from ops.touched k cross join lateral (select a.ctid, a.* from {to} a where {a_matches} offset 0) a"
    f" where k.table_name = {{name}} and (select true from {{of}} m where {_OWN}) is null)) and " + _FREE.format("a"),
    _WRITE.format(
        rows="ops.touched k cross join lateral (select m.* from {of} m where {m_matches} offset 0) m"
        " where k.table_name = {name} and (select true from {to} a where {same} and ({old}) is not distinct from ({new})) is null"
    ),
)
"""The same of touched keys: key by key through indexes, which the planner, who knows nothing of the ids in published tables, would not think of."""


@dataclass(frozen=True)
class TablePublished:
    """What one publish did to one table: rows written (inserted or changed), rows removed, rows that it holds now (None: not counted, since only
    touched rows were looked at)."""

    table: str
    written_count: int
    removed_count: int
    row_count: int | None


def published_as_of(connection: psycopg.Connection) -> datetime | None:
    """The newest `as_of` in `analytics.published`, or None before the first publish."""
    if connection.execute("select to_regclass('analytics.published')").fetchone() == (None,):
        return None
    row = connection.execute("select max(as_of) from analytics.published").fetchone()
    return row[0] if row else None


def reached_as_of(connection: psycopg.Connection) -> datetime | None:
    """The newest instant that is published or booked: no run computes for an earlier one."""
    row = connection.execute("select booked_as_of from ops.build").fetchone()
    found = [moment for moment in (published_as_of(connection), row[0] if row else None) if moment is not None]
    return max(found, default=None)


def publish(
    settings: Settings,
    marts: Iterable[Mart],
    run: warehouse.Run,
    code_version: str,
    *,
    is_nightly: bool = False,
    accepts_losses: bool = False,
    say: Callable[[str], None],
) -> list[TablePublished]:
    """Merge the touched rows of all audited marts into `analytics` in one transaction; readers see the old rows or the new ones, never a mixture.

    All rows are compared nightly, and of a mart that was built whole. Creators whom a failed check names keep their old rows, and their keys stay touched.
    A mart that waits for a nightly run keeps its as_of. Refuses marts that are not audited, and an `as_of` before the published one. An
    equal `as_of` merges what differs. Refuses too, unless it `accepts_losses`, when a table would lose more than its share of rows (MAX_LOSS_RATE).
    """
    marts = list(marts)
    published_tables.make(settings, marts)
    with warehouse.owned_transaction(settings, run) as connection:
        build = connection.execute("select state, built_as_of, complete_through, booked_as_of from ops.build").fetchone()
        if build is None or build[0] != "audited":
            raise Problem(f"the marts are not audited (state: {build[0] if build else 'empty'}); run the whole job, checks included.")
        newest = published_as_of(connection)
        if newest is not None and build[1] < newest:
            raise Problem(
                f"analytics is published as of {newest:%Y-%m-%d %H:%M} UTC; {build[1]:%Y-%m-%d %H:%M} is earlier and is not published over it."
            )
        whole = {row[0] for row in connection.execute("select model_name from ops.models where not is_published")}
        connection.execute(
            "create temp table held on commit drop as select distinct creator_id from ops.gates where reason like 'check failed: %'"
        )
        connection.execute("grant select on pg_temp.held to publisher")
        warehouse.set_role(connection, "publisher")
        if is_nightly:
            whole = {mart.name for mart in marts}
        touched = whole | touching.touched_counts(connection).keys()
        for mart in (mart for mart in marts if mart.name in touched):
            restatements.note(connection, mart, _counts(mart, "a", is_whole=mart.name in whole), build[1])
        share = 1.0 if accepts_losses else settings.max_loss_rate
        merged = {
            mart.name: _merge(connection, mart, is_whole=mart.name in whole, max_loss_rate=share) for mart in marts if mart.name in touched
        }
        published = [merged.get(mart.name, TablePublished(mart.name, 0, 0, None)) for mart in marts]
        waiting = touching.waiting_tables(connection)
        connection.cursor().executemany(
            """insert into analytics.published (table_name, as_of, complete_through, run_id, code_version) values (%s, %s, %s, %s, %s)
               on conflict (table_name) do update set as_of = excluded.as_of, complete_through = excluded.complete_through,
                   run_id = excluded.run_id, code_version = excluded.code_version""",
            [(mart.name, build[1], min(build[2], build[1]), run.run_id, code_version) for mart in marts if mart.name not in waiting],
        )
        connection.execute("reset role")
        held = _settle(connection, marts)
    written, removed = sum(table.written_count for table in published), sum(table.removed_count for table in published)
    say(f"published {len(published)} tables: {written:,} rows written, {removed:,} removed{gates.say_held(held)}")
    return published


def _settle(connection: psycopg.Connection, marts: Iterable[Mart]) -> int:
    """What is published is touched no longer, nor new; keys of creators who are held back (how many) stay, and a whole mart stays new while any is."""
    row = connection.execute("select count(*) from pg_temp.held").fetchone()
    held = row[0] if row else 0
    if not held:
        connection.execute("truncate ops.touched")
        connection.execute("update ops.models set is_published = true where not is_published")
        return 0
    names = []
    for mart in marts:
        names.append(mart.name)
        rows = sql.SQL(" or ").join(
            sql.SQL("exists (select from {} m join pg_temp.held h on h.creator_id = m.creator_id where {})").format(
                sql.Identifier(schema, mart.name), key_matches(mart, "m")
            )
            for schema in ("marts", "analytics")
        )
        connection.execute(sql.SQL("delete from ops.touched k where table_name = {} and not ({})").format(mart.name, rows))
    connection.execute("delete from ops.touched where not table_name = any(%s)", (names,))
    return held


def key_matches(mart: Mart, alias: str) -> sql.Composable:
    """Whether a row of the mart (`alias`) has the touched key `k`."""
    columns = [sql.SQL(alias + ".{}").format(sql.Identifier(name)) for name in mart.touch_key]  # pyrefly: ignore[bad-argument-type]
    types = {column.name: column.data_type for column in mart.columns}
    parts = [sql.SQL("{} = k.key_id").format(columns[0])]
    if len(columns) == 2:
        parts.append(sql.SQL("{} = k.key_part::{}").format(columns[1], warehouse.trusted_sql(types[mart.touch_key[1]])))
    return sql.SQL(" and ").join(parts)


def _counts(mart: Mart, alias: str, *, is_whole: bool) -> sql.Composable:
    """Whether this publish looks at a row: at touched ones, or at all."""
    touched = "exists (select from ops.touched k where k.table_name = {} and {})"
    return sql.SQL("true") if is_whole else sql.SQL(touched).format(mart.name, key_matches(mart, alias))


def _refuse_losses(connection: psycopg.Connection, mart: Mart, before: int, share: float) -> None:
    """A `Problem` when of the `before` rows of the table too many are gone, and have not made room for others."""
    row = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier("analytics", mart.name))).fetchone()
    assert row is not None  # an aggregate without group by always gives one row
    lost = before - row[0]
    if lost >= _FEWEST_LOST and lost > before * share:
        raise Problem(
            f"analytics.{mart.name} would lose {lost:,} of its {before:,} rows, more than {share:.0%}, so nothing was published; see why marts.{mart.name}"
            " shrank. If it is right, run again with --accept-losses (in the UI: the tag creator-reports/accept_losses)."
        )


def _rows_if_many_went(connection: psycopg.Connection, mart: Mart, removed: int, share: float) -> int | None:
    """After a delete: the rows that the table held before, when those `removed` are more than the share of them; costs no more than they did."""
    if removed < _FEWEST_LOST or share >= 1:
        return None
    most = int(removed * (1 - share) / share) + 1
    counting = sql.SQL("select count(*) from (select from {} limit {}) as rest").format(sql.Identifier("analytics", mart.name), most)
    row = connection.execute(counting).fetchone()
    assert row is not None  # an aggregate without group by always gives one row
    return row[0] + removed if row[0] < most else None


def _merge(connection: psycopg.Connection, mart: Mart, *, is_whole: bool, max_loss_rate: float) -> TablePublished:
    """Remove what is gone, then write what differs. A row that is as it was is not even locked: `on conflict` alone would lock it, and log that."""
    parts = _parts(mart)
    delete, merge = (sql.SQL(part).format(**parts) for part in (_WHOLE if is_whole else _TOUCHED))
    removed = connection.execute(delete).rowcount
    share = max_loss_rate if mart.max_loss_rate is None else max(max_loss_rate, mart.max_loss_rate)
    before = _rows_if_many_went(connection, mart, removed, share)
    written = connection.execute(merge).rowcount
    if before is not None:
        _refuse_losses(connection, mart, before, share)
    row = connection.execute(sql.SQL("select count(*) from {to}").format(**parts)).fetchone() if is_whole else None
    return TablePublished(mart.name, written, removed, row[0] if row else None)


def _parts(mart: Mart) -> dict[str, sql.Composable]:
    names = [sql.Identifier(column.name) for column in mart.columns]
    others = [sql.Identifier(column.name) for column in mart.columns if column.name not in mart.primary_key] or names
    listed = sql.SQL(", ").join
    return {
        "to": sql.Identifier("analytics", mart.name),
        "of": sql.Identifier("marts", mart.name),
        "name": sql.Literal(mart.name),
        "names": listed(names),
        "from_names": listed(sql.SQL("m.{}").format(name) for name in names),
        "key": listed(map(sql.Identifier, mart.primary_key)),
        "same": sql.SQL(" and ").join(sql.SQL("a.{0} = m.{0}").format(sql.Identifier(name)) for name in mart.primary_key),
        "sets": listed(sql.SQL("{0} = excluded.{0}").format(name) for name in others),
        "old": listed(sql.SQL("a.{}").format(name) for name in others),
        "new": listed(sql.SQL("m.{}").format(name) for name in others),
        "a_matches": key_matches(mart, "a"),
        "m_matches": key_matches(mart, "m"),
    }
