"""What a run has to compute: the keys that changed rows, thresholds and local midnights touch, written to `ops.touched` with the booking.

Belongs here: the rows that changed (`pg_temp.changed_<table>`), rows that are due, and the edges of each model's yml that start at them.
Does not: when edges from model to model are followed (pieces), what a key's rows are (dbt).

An edge is a select over `changed` (columns of raw.<table> and `op`: insert, update (new version), old (version before), delete, due), which gives the touch
key of the model. Models of meta.cadence: daily have edges from rows and time only: their keys go to `ops.waiting`, and the nightly run moves them over.
`midnights` has (creator_id, was_on, today_on) of creators whose local day moved on, `period` one row (since, as_of).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg import sql

from pipelines import additions
from pipelines.catalog import SourceTable
from pipelines.models import BY_TIME, Model
from pipelines.warehouse import trusted_sql

LEDGER = "watch_gains"
GROUPS = "question_groups"

_PERIOD = "create temp table period on commit drop as select {since}::timestamptz as since, {as_of}::timestamptz as as_of"
_MIDNIGHTS = """
create temp table midnights on commit drop as
select before.creator_id, before.today_on as was_on, after.today_on
from (select creator_id, ops.today_on(creator_id, {since}) as today_on from raw.creator_zones group by creator_id) as before
inner join (select creator_id, ops.today_on(creator_id, {as_of}) as today_on from raw.creator_zones group by creator_id) as after
    on after.creator_id = before.creator_id and after.today_on > before.today_on
"""
_GAINS = """
create temp table changed_watch_gains on commit drop as
select g.*, (g.observed_at at time zone z.timezone)::date as activity_on,
    extract(hour from g.observed_at at time zone z.timezone)::integer as hour_no, case when g.booked_as_of = {as_of} then 'insert' else 'due' end as op,
    (o.observed_at at time zone oz.timezone)::date as last_on, o.watch_time_seconds > 0 or o.completion_percentage > 0 as was_watched, {plain} as is_plain
from raw.watch_gains as g
inner join ops.zones as z on z.creator_id = g.creator_id and g.observed_at >= z.valid_from and g.observed_at < z.valid_until
left join raw.students as s on s.id = g.student_id
left join raw.videos as v on v.id = g.video_id
left join pg_temp.changed_video_progress as n on n.student_id = g.student_id and n.video_id = g.video_id and n.op in ('insert', 'update')
left join pg_temp.changed_video_progress as o on o.student_id = g.student_id and o.video_id = g.video_id and o.op = 'old'
left join ops.zones as oz on oz.creator_id = g.creator_id and o.observed_at >= oz.valid_from and o.observed_at < oz.valid_until
where g.observed_at > {since}
    or (g.student_id, g.video_id, g.booked_no) in (select p.student_id, p.video_id, p.last_no + 1 from pg_temp.watch_positions as p where p.is_gain)
"""


def open_changes(connection: psycopg.Connection, tables: Iterable[SourceTable]) -> None:
    """Make `pg_temp.changed_<table>` for each source table: columns of raw and `op`."""
    for table in tables:
        name = sql.Identifier(f"changed_{table.name}")
        connection.execute(
            sql.SQL("create temp table {} (like {}, op text) on commit drop").format(name, sql.Identifier("raw", table.name))
        )


def add_due_rows(connection: psycopg.Connection, tables: Iterable[SourceTable], since: datetime) -> None:
    """Rows that were booked before but lay after the instant of the run that booked them: now, or later, they count."""
    for table in tables:
        if not table.happens_at:
            continue
        utc = {column: "" if table.columns[column].endswith("with time zone") else " at time zone 'UTC'" for column in table.happens_at}
        due = sql.SQL(" or ").join(
            sql.SQL("r.{} > ({}::timestamptz{})").format(sql.Identifier(column), since, trusted_sql(zone)) for column, zone in utc.items()
        )
        connection.execute(
            sql.SQL("insert into {changed} ({columns}, op) select {columns}, 'due' from {raw} r where {due}").format(
                changed=changed(table.name),
                columns=sql.SQL(", ").join(map(sql.Identifier, table.columns)),
                raw=sql.Identifier("raw", table.name),
                due=due,
            )
        )


def touch(connection: psycopg.Connection, tables: Iterable[SourceTable], models: Iterable[Model], since: datetime, as_of: datetime) -> int:
    """Follow the edges of `models` from changed rows, thresholds and midnights between `since` and `as_of`; the number of touched keys there are now.

    `models` are those that are built piece by piece; the others are built whole and need no keys.
    """
    moments = {"since": sql.Literal(since), "as_of": sql.Literal(as_of), "plain": additions.plain(since, as_of)}
    for statement in (_PERIOD, _MIDNIGHTS, _GAINS):
        connection.execute(trusted_sql(statement).format(**moments))
    add_due_rows(connection, tables, since)
    names = {table.name for table in tables} | {LEDGER}
    filled = {
        name for name in names if connection.execute(sql.SQL("select exists (select from {})").format(changed(name))).fetchone() == (True,)
    }
    additions.take_steps(connection)
    for model in models:
        for cause, edge in model.touched_by.items():
            if cause in BY_TIME:
                _follow(connection, model, edge, None)
            elif cause in filled and not (model.added_by and cause == LEDGER):
                _follow(connection, model, edge, changed(cause))
        if model.added_by and LEDGER in filled:
            _follow_steps(connection, model)
    connection.execute("analyze ops.touched")
    row = connection.execute("select count(*) from ops.touched").fetchone()
    return row[0] if row else 0


def _follow_steps(connection: psycopg.Connection, model: Model) -> None:
    """The ledger's edge of a model that is added to. Rows that are no plain steps come first: nothing is added to a key that is touched by then."""
    edge, gains = model.touched_by[LEDGER], changed(LEDGER)
    _follow(connection, model, edge, sql.SQL("(select * from {} where not is_plain)").format(gains))
    additions.fill(connection, model)
    _follow(connection, model, edge, gains)


def changed(name: str) -> sql.Identifier:
    """The table of rows that this booking changes of a table."""
    return sql.Identifier("pg_temp", f"changed_{name}")


def _follow(connection: psycopg.Connection, model: Model, edge: str, source: sql.Composable | None) -> None:
    rows = sql.SQL("with changed as (select * from {} as c) ").format(source) if source else sql.SQL("")
    part = "coalesce(part::text, '')" if len(model.touch_key) == 2 else "''"
    # In order: two models that touch the same keys at the same time then wait for one another, never in a circle.
    alias = "keys (id, part)" if len(model.touch_key) == 2 else "keys (id)"
    connection.execute(
        rows
        + sql.SQL(
            "insert into {} select distinct {}, id, {} from ({}) as {} where id is not null order by 2, 3 on conflict do nothing"
        ).format(
            sql.Identifier("ops", "waiting" if model.is_daily else "touched"),
            model.name,
            trusted_sql(part),
            trusted_sql(edge),
            trusted_sql(alias),
        )
    )


def follow_model(connection: psycopg.Connection, name: str, followers: Iterable[Model]) -> None:
    """Follow the edges of `followers` from rows of the model `name` that differ (`pg_temp.changed`), in the transaction that writes them."""
    for follower in followers:
        _follow(connection, follower, follower.touched_by[name], sql.Identifier("pg_temp", "changed"))


def touch_groups(connection: psycopg.Connection, models: Iterable[Model], sides: Iterable[tuple[UUID, str]]) -> None:
    """Follow the edges of `models` that start at question_groups from the groups (creator_id, group_id) that questions came to or left."""
    name = changed(GROUPS)
    connection.execute(sql.SQL("create temp table if not exists {} (creator_id uuid, group_id text) on commit drop").format(name))
    connection.execute(sql.SQL("truncate {}").format(name))
    connection.cursor().executemany(sql.SQL("insert into {} values (%s, %s)").format(name), list(sides))
    for model in models:
        if GROUPS in model.touched_by:
            _follow(connection, model, model.touched_by[GROUPS], name)


def forget(connection: psycopg.Connection, names: Iterable[str]) -> None:
    """Drop the touched keys of models that are about to be built whole, or exist no longer."""
    for table in ("touched", "waiting"):
        connection.execute(sql.SQL("delete from {} where table_name = any(%s)").format(sql.Identifier("ops", table)), (list(names),))


def stop_waiting(connection: psycopg.Connection) -> None:
    """Make what waits for a nightly run touched: this is one."""
    connection.execute(
        "with taken as (delete from ops.waiting returning *) insert into ops.touched select * from taken on conflict do nothing"
    )


def waiting_tables(connection: psycopg.Connection) -> set[str]:
    """Models with keys that wait for the next nightly run: their rows are as of the last."""
    return {row[0] for row in connection.execute("select distinct table_name from ops.waiting")}


def touched_counts(connection: psycopg.Connection) -> Mapping[str, int]:
    """Touched keys per model."""
    return dict(connection.execute("select table_name, count(*) from ops.touched group by table_name").fetchall())
