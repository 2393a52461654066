"""Whose row an id names, asked of the mirror: nothing is uploaded that names another creator's student, video or quiz.

Belongs here: the check of a creator's frames before they become files. Does not: row security, which should have let nothing else through
(row_security); this is the second lock, and asks another table than the first.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

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


def prepare(connection: psycopg.Connection) -> None:
    """Make a connection ready for many calls of `require`: for a few ids, planning anew or in parallel costs more than looking them up."""
    connection.execute("set plan_cache_mode = force_generic_plan; set max_parallel_workers_per_gather = 0")


def require(connection: psycopg.Connection, creator_id: str, frames: Iterable[Frame], kept: Collection[str] = ()) -> None:
    """A `Problem` unless every value of every column named `*_id` belongs to this creator. It names table, column and how many do not, and no value.

    Tables in `kept` are primary data: ids of the erased, which name nobody any more, may stand in them. The ids of all columns of a kind
    are asked for at once; only when some are strange is it looked for in which column they stand.
    """
    columns = [_Ids(*found) for frame in frames for found in _ids(frame, kept)]
    for one in columns:
        if one.kind == "creator_id" and (strangers := _other_creators(one.values, creator_id)):
            raise _refusal(one, strangers)
    groups: dict[tuple[str, bool], list[_Ids]] = {}
    for one in columns:
        if one.kind != "creator_id" and len(one.values):
            groups.setdefault((one.kind, one.may_be_nobodys), []).append(one)
    asked = {key: pa.chunked_array([one.values for one in group]).unique() for key, group in groups.items()}
    for (kind, may_be_nobodys), ids in asked.items():
        if may_be_nobodys and (kind, False) in asked:  # what has to be the creator's own need not be asked about again
            asked[kind, True] = ids.filter(pc.invert(pc.is_in(ids, asked[kind, False])))
    strange = _strangers(connection, asked, creator_id)
    for key, group in groups.items():
        if strange[key]:
            for one in group:
                if strangers := _strangers(connection, {key: one.values}, creator_id)[key]:
                    raise _refusal(one, strangers)
            raise _refusal(group[0], strange[key])


@dataclass(frozen=True)
class _Ids:
    """The distinct ids of one column; `may_be_nobodys` where it is primary data."""

    table: str
    column: str
    kind: str
    may_be_nobodys: bool
    values: pa.Array


def _ids(frame: Frame, kept: Collection[str]) -> Iterator[tuple[str, str, str, bool, pa.Array]]:
    for column in frame.table.column_names:
        if column.endswith("_id") and (kind := kind_of(column)) not in _NAMED_BY_OWNER:
            yield frame.name, column, kind, frame.name in kept, frame.table.column(column).unique().drop_null()


def _refusal(ids: _Ids, strangers: int) -> Problem:
    return Problem(
        f"{strangers} values of {ids.table}.{ids.column} belong to somebody else, so nothing was uploaded;"
        f" check the row security of analytics.{ids.table}, then run `creator-reports check`."
    )


def kind_of(column: str) -> str:
    """The kind of id that a column holds. A `Problem` for one that nobody can say the owner of: add it here, before it is shown."""
    kind = next((column.removeprefix(role) for role in _ROLES if column.startswith(role)), column)
    if kind != "creator_id" and kind not in _OWNERS and kind not in _NAMED_BY_OWNER:
        raise Problem(f"nothing says whose row {column} names; add its table to pipelines/ownership.py.")
    return kind


def _other_creators(found: pa.Array, creator_id: str) -> int:
    return sum(value != creator_id for value in found.to_pylist())


def _strangers(connection: psycopg.Connection, asked: Mapping[tuple[str, bool], pa.Array], creator_id: str) -> dict[tuple[str, bool], int]:
    """Per kind how many of the ids name no row of this creator or, where they may name nobody's, a row of somebody else; in one statement."""
    if not asked:
        return {}
    one = (
        "select {place}, cardinality(ids), known, own from (select string_to_array(%s, ',')::uuid[]) as asked (ids) cross join lateral"
        " (select count(*), count(*) filter (where creator_id = %s) from ({owners}) as owned (id, creator_id) where id = any(ids)) as found (known, own)"
    )
    query = " union all ".join(one.format(place=place, owners=_OWNERS[kind]) for place, (kind, _) in enumerate(asked))
    values = [
        value for found in asked.values() for value in (",".join(found.to_pylist()), creator_id)
    ]  # one text is sent faster than a list
    rows = connection.execute(f"{query} order by 1".encode(), values).fetchall()
    return {
        key: known - own if key[1] else max(count, len(found)) - own
        for (key, found), (_, count, known, own) in zip(asked.items(), rows, strict=True)
    }
