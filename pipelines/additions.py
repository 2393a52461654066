"""Sums that an hour adds to: what the booked changes of progress add to the rows of a model, kept in `ops.added_<model>` until the model is built.

Belongs here: which changes can be added, the tables of what they add, the rows that adding gives. Does not: computing a row anew (pieces).

A sum over all viewers of a video need not be taken again because ten of them went on. A model that says `adds` (columns that are sums or counts by bucket),
`grows` and `shrinks` (columns that hold the greatest and the least), `unites` (sets as bits of a number), `follows` (columns that come from where another
one, which grows, came from; of equals the lesser) and `added_by` (the SQL that gives them per row, over pg_temp.steps) gets its rows by adding, where that
is exact:

- all rows that are added to are there (or `adds_rows`: a row that is not begins with what is added, which then has all its columns), and no other edge, nor an
  earlier run that did not finish, touched their key;
- each change of the key is a plain step: progress of a living student on a video, both there since the last run and of one creator, counted then as it was
  (or not there at all) and to be counted now as it is.

Every other key is computed anew. Additions are used once, by the run that booked them.
"""

from collections.abc import Iterable
from datetime import datetime

import psycopg
from psycopg import sql

from pipelines.models import Model
from pipelines.parts import WHOLE, Part
from pipelines.warehouse import Run, trusted_sql

PLAIN = """
    coalesce(g.booked_as_of = {as_of} and g.observed_at <= {as_of} and s.creator_id = v.creator_id
        and not exists (select from raw.tombstones as t where t.student_id = s.id)
        and s.created_at at time zone 'UTC' <= {since} and v.created_at at time zone 'UTC' <= {since}
        and case when o.op is null then n.op = 'insert' and g.booked_no = 1
            else n.op = 'update' and o.booked_no = g.booked_no - 1 and o.observed_at <= {since}
                and ((n.watch_time_seconds > 0 or n.completion_percentage > 0) or (o.watch_time_seconds = 0 and o.completion_percentage = 0)) end,
        false)
"""
"""Whether the ledger row `g` is a plain step: `s` and `v` are its student and video in raw, `n` and `o` the new and old version in changed_video_progress."""

_STEPS = """
create temp table steps on commit drop as
select c.*, case c.op when 'old' then -1 else 1 end as sign, g.is_first_view, g.is_completed_now
from pg_temp.changed_video_progress as c
inner join pg_temp.changed_watch_gains as g on g.student_id = c.student_id and g.video_id = c.video_id and g.is_plain
where c.op in ('old', 'insert', 'update') and (c.watch_time_seconds > 0 or c.completion_percentage > 0)
"""


def take_steps(connection: psycopg.Connection) -> None:
    """Make pg_temp.steps from this booking's changes: both versions of each progress row that went a plain step and counts, `sign` -1 for the old one;
    `is_first_view` and `is_completed_now` say that the student began or finished the video with it."""
    connection.execute(_STEPS)
    connection.execute("analyze pg_temp.steps")


def fill(connection: psycopg.Connection, model: Model) -> None:
    """Note what the steps add to the rows of `model` whose keys nothing has touched yet."""
    connection.execute(_filled("create unlogged table {added} as select {typed} from ({query}) as added where {untouched}", model))
    connection.execute(_filled("analyze {added}", model))


def clear(connection: psycopg.Connection, models: Iterable[Model]) -> None:
    """Forget what was to be added to these models: it was, or they are built whole."""
    for model in models:
        if model.added_by:
            connection.execute(_filled("drop table if exists {added}", model))


def clear_part(connection: psycopg.Connection, model: Model, part: Part) -> None:
    """Forget what was added to this part of the model, while another may be at work."""
    if part.is_whole:
        clear(connection, [model])
    else:
        connection.execute(_filled("delete from {added} as a where {in_part}", model, part))


def take_keys(connection: psycopg.Connection, model: Model, run: Run, part: Part) -> bool:
    """Take the keys whose rows are had by adding out of pg_temp.keys, which holds those of the part; whether there are any."""
    there = "select to_regclass({name}) is not null and (select booked_run_id from ops.build) = {run}"
    if not model.added_by or connection.execute(_filled(there, model, run=sql.Literal(run.run_id))).fetchone() != (True,):
        return False
    without_key = "delete from {added} as a where {in_part} and not exists (select from pg_temp.keys as k where {is_key})"
    connection.execute(_filled(without_key, model, part))
    if not model.adds_rows:
        unknown = "select {a_keys} from {added} as a where {in_part} and not exists (select from {table} as t where {same})"
        connection.execute(_filled("delete from {added} as a where ({a_keys}) in (" + unknown + ")", model, part))
    if not connection.execute(_filled("delete from pg_temp.keys as k using {added} as a where {is_key}", model)).rowcount:
        clear_part(connection, model, part)
        return False
    connection.execute("analyze pg_temp.keys")
    return True


def rows(model: Model, part: Part) -> sql.Composable:
    """A `from` clause of the rows that are added to: `t` as they are (nothing where adding begins a row), `n` with what is added."""
    added = "(select a.* from {added} as a where {in_part}) as a"
    return _filled(added + " left join {table} as t on {same} cross join lateral (select {sums}) as n", model, part)


def _filled(statement: str, model: Model, part: Part = WHOLE, **more: sql.Composable) -> sql.Composed:
    relation, keys = f"added_{model.name}", list(map(sql.Identifier, model.touch_key))
    places = [sql.Identifier(name) for name in ("key_id", model.key_part or "key_text")]
    texts = [sql.SQL("added.{}").format(keys[0]), *(sql.SQL("added.{}::text").format(key) for key in keys[1:])]
    touched = [sql.SQL("k.{} = {}").format(sql.Identifier(name), text) for name, text in zip(("key_id", "key_part"), texts, strict=False)]
    return trusted_sql(statement).format(
        added=sql.Identifier("ops", relation),
        in_part=part.has(sql.SQL("a.{}").format(keys[0])),
        name=sql.Literal(f"ops.{relation}"),
        table=sql.Identifier(model.schema, model.name),
        same=sql.SQL(" and ").join(sql.SQL("t.{0} = a.{0}").format(sql.Identifier(name)) for name in model.grain),
        a_keys=sql.SQL(", ").join(sql.SQL("a.{}").format(key) for key in keys),
        is_key=sql.SQL(" and ").join(sql.SQL("k.{} = a.{}").format(place, key) for place, key in zip(places, keys, strict=False)),
        typed=sql.SQL(", ").join(_typed(model, name) for name in _names(model)),
        query=trusted_sql(model.added_by or ""),
        untouched=sql.SQL("not exists (select from ops.touched as k where k.table_name = {} and {})").format(
            model.name, sql.SQL(" and ").join(touched)
        ),
        sums=sql.SQL(", ").join(_sum(model, name) for name in model.columns),
        **more,
    )


def _names(model: Model) -> list[str]:
    """The columns of what is added."""
    changing = {*model.adds, *model.grows, *model.shrinks, *model.unites, *model.follows}
    return [name for name in model.columns if model.adds_rows or name in changing or name in model.grain]


def _typed(model: Model, name: str) -> sql.Composable:
    """A column of what is added: nothing to add is 0."""
    is_number = name in (*model.adds, *model.unites) and not model.columns[name].endswith("[]")
    pattern = "coalesce({0}, 0)::{1} as {0}" if is_number else "{0}::{1} as {0}"
    return trusted_sql(pattern).format(sql.Identifier(name), trusted_sql(model.columns[name]))


def _sum(model: Model, name: str) -> sql.Composable:
    """A column of the row `t` with what is added to it; a row has one of both at least."""
    if name in model.grows:
        pattern = "greatest(t.{0}, a.{0})"
    elif name in model.shrinks:
        pattern = "least(t.{0}, a.{0})"
    elif name in model.follows:
        pattern = "case when t.{1} is null or a.{1} > t.{1} then a.{0} when a.{1} = t.{1} then least(t.{0}, a.{0}) else t.{0} end"
    elif name in model.unites:
        pattern = "coalesce(t.{0}, 0) | coalesce(a.{0}, 0)"
    elif name in model.adds:
        pattern = (
            "coalesce(ops.add(t.{0}, a.{0}), t.{0}, a.{0})"
            if model.columns[name].endswith("[]")
            else "coalesce(t.{0}, 0) + coalesce(a.{0}, 0)"
        )
    else:
        pattern = "coalesce(t.{0}, a.{0})" if name in _names(model) else "t.{0}"
    return trusted_sql(f"({pattern})::{model.columns[name]} as {{0}}").format(
        sql.Identifier(name), sql.Identifier(model.follows.get(name, name))
    )


def plain(since: datetime, as_of: datetime) -> sql.Composed:
    """The condition `PLAIN` for the booking from `since` to `as_of`."""
    return trusted_sql(PLAIN).format(since=sql.Literal(since), as_of=sql.Literal(as_of))
