"""The bench's readers: what the platform's app asks of `analytics`, timed, each with its plan.

Belongs here: the queries as the app would write them, bound to one creator by row security. Does not: when they are run (bench).
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice, product
from typing import Any

import psycopg

from pipelines import warehouse
from pipelines.settings import Settings

_FILTERS = (
    {"status": "at-risk"},
    {"status": "active"},
    {"of_tier": "highly_engaged"},
    {"of_tier": "moderate"},
    {"band": 2},
    {"last_active": "7d"},
    {"last_active": "older"},
)
_ORDERS = ("name", "progress", "last_active", "xp")
_GIVEN = ("status", "of_tier", "band", "last_active", "sort_by", "page")
_STUDENTS = "%(creator_id)s, " + ", ".join(f"{name} => %({name})s" for name in _GIVEN)
_QUERIES: dict[str, tuple[str, float | None]] = {
    "overview": ("select * from analytics.overview(%(creator_id)s)", 5),
    "students_page": (f"select * from analytics.students_page({_STUDENTS})", 20),
    "students_search": (f"select * from analytics.students_page({_STUDENTS.replace('%(last_active)s', 'null')}, search => %(word)s)", 60),
    "videos_page": ("select * from analytics.videos_page(%(creator_id)s)", 20),
    "at_risk_students": ("select * from analytics.at_risk_students(%(creator_id)s)", None),
    "top_performers": ("select * from analytics.top_performers(%(creator_id)s)", None),
    "student_detail": ("select analytics.student_detail(%(creator_id)s, %(student_id)s)", None),
    "video_detail": ("select analytics.video_detail(%(creator_id)s, %(video_id)s)", None),
    "engagement": ("select * from analytics.engagement(%(creator_id)s, 90)", None),
}
"""Name: query and the bound on its p95 in milliseconds."""
_TIMES = 200


@dataclass(frozen=True)
class Reading:
    """Latencies of one query, in milliseconds, over `_TIMES` executions with changing filters, orders, pages and words; the plan of the slowest kind."""

    name: str
    bound_ms: float | None
    p50_ms: float
    p95_ms: float
    plan: str


def read_as_app(settings: Settings) -> tuple[int, list[Reading]]:
    """Students of the largest creator, and what reading that creator's rows costs."""
    with warehouse.connect(settings) as connection:
        largest = connection.execute("select creator_id, student_count from analytics.creator_overview order by 2 desc limit 1").fetchone()
        assert largest is not None  # the bench has just published
        words, students, videos = (
            [row[0] for row in connection.execute(query.encode(), largest[:1])]
            for query in (
                "select distinct lower(left(split_part(name, ' ', 2), 4)) from analytics.student_engagement_tiers"
                " where creator_id = %s and name ~ '^[[:alpha:]]+ [[:alpha:]]{4}' limit 50",
                "select student_id from analytics.student_engagement_tiers where creator_id = %s order by student_id limit 50",
                "select video_id from analytics.video_analytics where creator_id = %s order by video_id limit 50",
            )
        )
        connection.rollback()
        warehouse.set_role(connection, "report_renderer")
        connection.execute("select set_config('ops.render_creator', %s, true)", (str(largest[0]),))
        kinds = cycle(product(_FILTERS, _ORDERS, (1, 2, 11)))
        asked = [
            {
                "creator_id": largest[0],
                **dict.fromkeys(_GIVEN),
                **condition,
                "sort_by": order,
                "page": page,
                "word": word,
                "student_id": student,
                "video_id": video,
            }
            for (condition, order, page), word, student, video in islice(
                zip(kinds, cycle(words or ["a"]), cycle(students), cycle(videos)), _TIMES + 20
            )
        ]
        return largest[1], [_time(connection, name, query, bound, asked) for name, (query, bound) in _QUERIES.items()]


def _time(connection: psycopg.Connection, name: str, query: str, bound: float | None, asked: Sequence[dict[str, Any]]) -> Reading:
    taken: list[tuple[float, dict[str, Any]]] = []
    for number, values in enumerate(asked):
        began = time.perf_counter()
        connection.execute(query.encode(), values, prepare=True).fetchall()
        if number >= len(asked) - _TIMES:  # the first ones warm the caches
            taken.append(((time.perf_counter() - began) * 1000, values))
    taken.sort(key=lambda item: item[0])
    slow = taken[int(len(taken) * 0.95)]
    return Reading(
        name, bound, round(statistics.median(item[0] for item in taken), 2), round(slow[0], 2), _plan(connection, query, slow[1])
    )


def _plan(connection: psycopg.Connection, query: str, values: dict[str, Any]) -> str:
    """The plan; of the page of students that of the statement which the function puts together."""
    cursor = psycopg.ClientCursor(connection)
    if "students_page" in query:
        row = cursor.execute(
            query.replace("select * from analytics.students_page", "select analytics.students_query").encode(), values
        ).fetchone()
        if "search" not in query:  # as analytics.students_in_order does
            connection.execute("set local enable_bitmapscan = off")
        query, values = (row or ("select 1",))[0].replace("%", "%%"), {}
    rows = cursor.execute(b"explain (analyze, buffers, costs off, timing off) " + query.encode(), values).fetchall()
    connection.execute("set local enable_bitmapscan = on")
    return "\n".join(row[0] for row in rows)
