"""Which messages of students hold new wordings, and what goes once nobody asks it: the parts that belong to the transactions of booking and erasing.

Belongs here: `ops.new_questions`, dropping wordings, vectors and groups. Does not: reading wordings, groups (question_groups), who is erased (deletions).
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from uuid import UUID

import psycopg

from pipelines import touching, warehouse
from pipelines.catalog import Catalog
from pipelines.settings import Settings

_NOTE = """
insert into ops.new_questions
select m.id from {table} as m
where m.role = 'user' and length(m.content) > 10 and not exists (
    select from raw.question_wordings as w
    where w.wording_id = md5(m.content) and (not w.is_question or exists (
        select from raw.chat_sessions as s inner join raw.question_groups as g on g.creator_id = s.creator_id and g.question_id = w.question_id
        where s.id = m.session_id)))
on conflict do nothing
"""
_GONE = "delete from ops.new_questions n where not exists (select from raw.chat_messages m where m.id = n.message_id)"
_ASKED = """
select distinct s.creator_id, m.content, p.name from ops.new_questions as n
inner join raw.chat_messages as m on m.id = n.message_id
inner join raw.chat_sessions as s on s.id = m.session_id
left join raw.students as p on p.id = s.student_id
order by s.creator_id
"""
_SETTLED = """
delete from ops.new_questions as n using raw.chat_messages as m, raw.chat_sessions as s
where m.id = n.message_id and s.id = m.session_id and s.creator_id = any(%s)
"""
_WORTH_READING = 2048
"""Wordings of so many creators are read together that the models have enough to do. A first run has those of a platform: they are never all in memory."""
_UNUSED = """
delete from raw.question_wordings as w
where {leaving} and not exists (select from raw.chat_messages as m where m.role = 'user' and length(m.content) > 10 and md5(m.content) = w.wording_id)
"""
_UNASKED = """
create temp table unasked on commit drop as
select g.* from raw.question_groups as g
where {leaving} and not exists (
    select from raw.chat_sessions as s
    inner join raw.chat_messages as m on m.session_id = s.id and m.role = 'user'
    inner join raw.question_wordings as w on w.wording_id = md5(m.content)
    where s.creator_id = g.creator_id and w.question_id = g.question_id)
"""


Asked = dict[UUID, dict[str, set[str]]]
"""By creator the contents of messages, each with the names of the students who wrote it."""


def note(connection: psycopg.Connection) -> None:
    """Note messages in new wordings, in the booking transaction: those of `incoming`; of all of `raw` where no wording is known."""
    row = connection.execute("select exists (select from raw.question_wordings)").fetchone()
    table = "incoming.chat_messages" if row == (True,) else "raw.chat_messages"
    connection.execute(warehouse.trusted_sql(_NOTE.format(table=table)))


def asked(settings: Settings, run: warehouse.Run) -> Iterator[Asked]:
    """What is new, some creators at a time; messages that are gone meanwhile leave first."""
    with warehouse.owned_transaction(settings, run) as connection:
        connection.execute(_GONE)
    with warehouse.connect(settings) as connection, connection.cursor("asked") as cursor:
        cursor.itersize = _WORTH_READING
        found: Asked = {}
        for creator, rows in groupby(cursor.execute(_ASKED), key=itemgetter(0)):
            found[creator] = contents = {}
            for _, content, name in rows:
                contents.setdefault(content, set()).update({name} if name else ())
            if sum(map(len, found.values())) >= _WORTH_READING:
                yield found
                found = {}
        if found:
            yield found


def settle(connection: psycopg.Connection, creators: Iterable[UUID]) -> None:
    """What these creators' students asked has been read and has its groups."""
    connection.execute(_SETTLED, (list(creators),))


def prune(connection: psycopg.Connection, catalog: Catalog, leaving: str | None = None) -> None:
    """Drop wordings that no message has any more, with their vectors, and questions that nobody asks their creator. `leaving` (a table of wording_id) narrows it."""
    wordings = f"w.wording_id in (select wording_id from {leaving})" if leaving else "true"
    asked = (
        f"g.question_id in (select question_id from {leaving} l inner join raw.question_wordings w on w.wording_id = l.wording_id)"
        if leaving
        else "true"
    )
    connection.execute(warehouse.trusted_sql(_UNASKED.format(leaving=asked)))
    sides = connection.execute("select distinct creator_id, group_id from pg_temp.unasked").fetchall()
    for table in ("question_groups", "question_group_changes"):
        connection.execute(
            warehouse.trusted_sql(
                f"delete from raw.{table} g using pg_temp.unasked u where u.creator_id = g.creator_id and u.question_id = g.question_id"
            )
        )
    connection.execute("drop table pg_temp.unasked")
    if connection.execute(warehouse.trusted_sql(_UNUSED.format(leaving=wordings))).rowcount:
        connection.execute(
            "delete from raw.question_vectors v where not exists (select from raw.question_wordings w where w.question_id = v.question_id)"
        )
    touching.touch_groups(connection, catalog.models.values(), sides)


def ask_counts(connection: psycopg.Connection, creator: UUID) -> dict[str, int]:
    """How often each question of a creator was asked, in all its wordings."""
    query = """select w.question_id, count(*) from raw.chat_sessions s inner join raw.chat_messages m on m.session_id = s.id and m.role = 'user'
               inner join raw.question_wordings w on w.wording_id = md5(m.content) where s.creator_id = %s group by 1"""
    return dict(connection.execute(query, (creator,)).fetchall())
