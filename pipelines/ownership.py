"""Whose row an id names, asked of the mirror: nothing is uploaded that names another creator's student, video or quiz.

Belongs here: the check of a creator's frames before they become files. Does not: row security, which should have let nothing else through
(row_security); this is the second lock, and asks another table than the first.
"""

from collections.abc import Collection, Iterable, Mapping

import psycopg
import pyarrow as pa

from pipelines.problem import Problem
from reports.document import Frame

_OWNERS: Mapping[str, str] = {
    "student_id": "select id, creator_id from raw.students",
    "video_id": "select id, creator_id from raw.videos",
    "course_id": "select id, creator_id from raw.courses",
    "quiz_id": "select id, creator_id from raw.quizzes",
    "session_id": "select id, creator_id from raw.chat_sessions",
    "message_id": "select m.id, s.creator_id from raw.chat_messages m join raw.chat_sessions s on s.id = m.session_id",
    "attempt_id": "select a.id, q.creator_id from raw.quiz_attempts a join raw.quizzes q on q.id = a.quiz_id",
}
"""Per kind of id: the rows that it may name, with the creator each belongs to."""
_NAMED_BY_OWNER = frozenset({"question_id"})
"""Ids that name nothing beyond their own creator's or quiz's table: they cannot lead to anybody else."""
_ROLES = ("last_", "related_")
"""What may stand before an id's kind: `last_video_id` is a `video_id`."""


def require(connection: psycopg.Connection, creator_id: str, frames: Iterable[Frame], kept: Collection[str] = ()) -> None:
    """A `Problem` unless every value of every column named `*_id` belongs to this creator. It names table, column and how many do not, and no value.

    Tables in `kept` are primary data: ids of the erased, which name nobody any more, may stand in them.
    """
    for frame in frames:
        for column in frame.table.column_names:
            if not column.endswith("_id"):
                continue
            kind = kind_of(column)
            if kind in _NAMED_BY_OWNER:
                continue
            found = frame.table.column(column).unique().drop_null()
            strangers = (
                _other_creators(found, creator_id)
                if kind == "creator_id"
                else _strangers(connection, kind, found, creator_id, frame.name in kept)
            )
            if strangers:
                raise Problem(
                    f"{strangers} values of {frame.name}.{column} belong to somebody else, so nothing was uploaded;"
                    f" check the row security of analytics.{frame.name}, then run `creator-reports check`."
                )


def kind_of(column: str) -> str:
    """The kind of id that a column holds. A `Problem` for one that nobody can say the owner of: add it here, before it is shown."""
    kind = next((column.removeprefix(role) for role in _ROLES if column.startswith(role)), column)
    if kind != "creator_id" and kind not in _OWNERS and kind not in _NAMED_BY_OWNER:
        raise Problem(f"nothing says whose row {column} names; add its table to pipelines/ownership.py.")
    return kind


def _other_creators(found: pa.Array, creator_id: str) -> int:
    return sum(value != creator_id for value in found.to_pylist())


def _strangers(connection: psycopg.Connection, kind: str, found: pa.Array, creator_id: str, may_be_nobodys: bool) -> int:
    """How many of the ids name no row of this creator, or, where they may name nobody's, a row of somebody else."""
    if len(found) == 0:
        return 0
    query = f"select count(*), count(*) filter (where creator_id = %s) from ({_OWNERS[kind]}) as owned (id, creator_id) where id = any(%s::uuid[])"
    row = connection.execute(query.encode(), (creator_id, found.to_pylist())).fetchone()
    assert row is not None  # an aggregate without group by always gives one row
    known, own = row
    return known - own if may_be_nobodys else len(found) - own
