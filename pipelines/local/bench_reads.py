"""The bench's readers: what the platform's app asks of `analytics`, timed, each with its plan.

Belongs here: the queries as the app would write them, bound to one creator by row security. Does not: when they are run (bench).
"""

import statistics
import time
from dataclasses import dataclass
from itertools import cycle, islice, product
from typing import Any

import psycopg

from pipelines import warehouse
from pipelines.settings import Settings

_STUDENTS = "select * from analytics.student_engagement_tiers where creator_id = %(creator_id)s and {filter} order by {order}, student_id limit 50 offset %(offset)s"
_FILTERS = (
    "status_filter = 'at-risk'",
    "status_filter = 'active'",
    "tier = 'highly_engaged'",
    "tier = 'moderate'",
    "avg_completion_rate >= 0.255 and avg_completion_rate < 0.505",
    "last_active_at >= %(as_of)s::timestamptz - interval '7 days'",
    "last_active_at < %(as_of)s::timestamptz - interval '30 days'",
)
_ORDERS = ("name", "avg_completion_rate desc nulls last", "last_active_at desc nulls last", "xp_points desc")
# The beginning of any word of name or address: a word begins at the start or after a character that is neither letter nor digit.
_SEARCH = r"(name ~* ('\m' || %(word)s) or email ~* ('\m' || %(word)s))"
_QUERIES = {
    "overview": ("select * from analytics.creator_overview where creator_id = %(creator_id)s", 5),
    "students_page": (_STUDENTS, 20),
    "students_search": (_STUDENTS.replace("{filter}", _SEARCH), 60),
    "videos": ("select * from analytics.video_analytics where creator_id = %(creator_id)s order by viewer_count desc, video_id", 20),
}
"""Name: query and the bound on its p95 in milliseconds."""
_TIMES = 200


@dataclass(frozen=True)
class Reading:
    """Latencies of one query, in milliseconds, over `_TIMES` executions with changing filters, orders, pages and words; the plan of the slowest kind."""

    name: str
    bound_ms: float
    p50_ms: float
    p95_ms: float
    plan: str


def read_as_app(settings: Settings) -> tuple[int, list[Reading]]:
    """Students of the largest creator, and what reading that creator's rows costs."""
    with warehouse.connect(settings) as connection:
        largest = connection.execute("select creator_id, student_count from analytics.creator_overview order by 2 desc limit 1").fetchone()
        assert largest is not None  # the bench has just published
        as_of = connection.execute("select max(as_of) from analytics.published").fetchone()
        words = [row[0] for row in connection.execute("select distinct lower(left(split_part(name, ' ', 2), 4)) from analytics.student_engagement_tiers"
                                                      " where creator_id = %s and name ~ '^[[:alpha:]]+ [[:alpha:]]{4}' limit 50", largest[:1])]  # fmt: skip
        assert as_of is not None  # the bench has just published
        connection.rollback()
        warehouse.set_role(connection, "report_renderer")
        connection.execute("select set_config('ops.render_creator', %s, true)", (str(largest[0]),))
        values = {"creator_id": largest[0], "as_of": as_of[0]}
        return largest[1], [_time(connection, name, query, bound, values, words) for name, (query, bound) in _QUERIES.items()]


def _time(connection: psycopg.Connection, name: str, query: str, bound: float, values: dict[str, Any], words: list[str]) -> Reading:
    kinds = cycle(product(_FILTERS, _ORDERS, (0, 50, 500)))
    taken: list[tuple[float, str, dict[str, Any]]] = []
    for number, ((condition, order, offset), word) in enumerate(islice(zip(kinds, cycle(words or ["a"])), _TIMES + 20)):
        statement = query.replace("{filter}", condition).replace("{order}", order)
        asked = values | {"offset": offset, "word": word}
        began = time.perf_counter()
        connection.execute(statement.encode(), asked, prepare=True).fetchall()
        if number >= 20:  # the first ones warm the caches
            taken.append(((time.perf_counter() - began) * 1000, statement, asked))
    taken.sort(key=lambda item: item[0])
    slow = taken[int(len(taken) * 0.95)]
    plan = connection.execute(b"explain (analyze, buffers, costs off, timing off) " + slow[1].encode(), slow[2]).fetchall()
    return Reading(
        name, bound, round(statistics.median(item[0] for item in taken), 2), round(slow[0], 2), "\n".join(row[0] for row in plan)
    )
