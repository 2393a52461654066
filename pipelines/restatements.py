"""Numbers of finished days that change all the same: `analytics.restatements`, written by publish before the new rows take the place of the old ones.

Belongs here: which numbers are restated, and how that is noted. Does not: the table itself (published_tables), telling creators (reports).
"""

from datetime import datetime

import psycopg
from psycopg import sql

from pipelines.catalog import Mart

_UNITS = frozenset({"count", "seconds"})
"""Columns with these units are numbers of a day."""

_NOTE = """
insert into analytics.restatements as r (creator_id, metric, activity_on, old_value, new_value, as_of)
select a.creator_id, number.metric, a.{day}, number.old_value, number.new_value, {as_of}
from analytics.{mart} as a
inner join marts.{mart} as m on {same}
inner join analytics.creator_overview as o on o.creator_id = a.creator_id
cross join lateral (values {numbers}) as number (metric, old_value, new_value)
where a.{day} < o.today_on and number.old_value is distinct from number.new_value and {counts}
    and not exists (select from pg_temp.held h where h.creator_id = a.creator_id)
on conflict (creator_id, metric, activity_on, as_of) do update set new_value = excluded.new_value
"""


def note(connection: psycopg.Connection, mart: Mart, counts: sql.Composable, as_of: datetime) -> int:
    """Note the numbers of days that were over at the last publish and are about to change: rows written.

    `counts` says which published rows (`a`) this publish looks at. Nothing may be merged yet: the overview still says which day it was then.
    """
    if mart.restated_by is None:
        return 0
    numbers = [column.name for column in mart.columns if column.unit in _UNITS]
    value = sql.SQL("({}, a.{}::numeric, m.{}::numeric)")
    return connection.execute(
        sql.SQL(_NOTE).format(
            day=sql.Identifier(mart.restated_by),
            mart=sql.Identifier(mart.name),
            as_of=sql.Literal(as_of),
            same=sql.SQL(" and ").join(sql.SQL("m.{0} = a.{0}").format(sql.Identifier(name)) for name in mart.primary_key),
            numbers=sql.SQL(", ").join(value.format(sql.Literal(name), sql.Identifier(name), sql.Identifier(name)) for name in numbers),
            counts=counts,
        )
    ).rowcount
