"""What a creator's mail holds: whether there is one, news since the last one and the five numbers, read as the role that sees this creator's rows only.

Belongs here: these reads. Does not: how it reads (reports/mail.py), sending (delivery).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import psycopg
from psycopg.rows import class_row, dict_row

from pipelines import warehouse
from pipelines.mornings import Morning
from pipelines.problem import Problem
from pipelines.settings import Settings
from pipelines.store import Link
from reports.mail import Letter, News, Week, week_of

_LONGEST_LOOK_BACK = timedelta(days=7)
_IS_SLIPPING = "s.tier = 'at_risk' and s.lifecycle_stage is distinct from 'completed'"
"""Whom the report counts and lists: who has completed everything may be quiet."""


@dataclass(frozen=True)
class Told:
    """News, and until when they reach: by the hourly tables, and by the nightly list of quiz attempts."""

    news: News
    through: datetime
    quizzes_through: datetime


@contextmanager
def _as_creator(reader: psycopg.Connection, creator_id: str) -> Iterator[None]:
    """A read-only snapshot in which row security lets this creator's rows through."""
    with reader.transaction():
        reader.execute("set transaction isolation level repeatable read, read only")
        warehouse.set_role(reader, "report_renderer")
        reader.execute("select set_config('ops.render_creator', %s, true)", (creator_id,))
        yield


def read_news(reader: psycopg.Connection, morning: Morning) -> Told:
    """What the creator wants to hear of since the last mail that told something; of the last day, or week, when there was none. At most a week back."""
    last = reader.execute(
        """select max(local_on), max(told_through), max(told_quizzes_through), coalesce(bool_or(status = 'sent'), false)
           from ops.outbox where creator_id = %s and told_through is not null""",
        (morning.creator_id,),
    ).fetchone()
    last_on, through, quizzes_through, was_mailed = last or (None, None, None, False)
    first = timedelta(days=7 if morning.edition == "weekly" else 1)
    since_on = max(last_on or morning.local_on - first, morning.local_on - _LONGEST_LOOK_BACK)
    with _as_creator(reader, morning.creator_id), reader.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            f"""with reached as (
                   select max(as_of) as through, coalesce(max(complete_through) filter (where table_name = 'quiz_results'), max(as_of)) as quizzes_through
                   from analytics.published),
               period as (
                   select through, quizzes_through,
                       greatest(coalesce(%(through)s::timestamptz, through - %(first)s), through - %(longest)s) as since,
                       greatest(coalesce(%(quizzes_through)s::timestamptz, quizzes_through - %(first)s), quizzes_through - %(longest)s) as quizzes_since
                   from reached),
               failures as (
                   select q.student_id from period join analytics.quiz_results as q
                       on not q.is_passed and q.completed_at > period.quizzes_since and q.completed_at <= period.quizzes_through)
               select through, quizzes_through, since,
                   (select count(distinct t.student_id) from analytics.tier_transitions as t
                       join analytics.student_engagement_tiers as s on s.student_id = t.student_id and {_IS_SLIPPING}
                       -- The first tier of a student is no change: a first run gives everybody one.
                       where t.from_tier is not null and t.to_tier = 'at_risk' and t.changed_at > period.since and t.changed_at <= period.through) as slipped,
                   (select count(*) from failures) as failed,
                   (select count(distinct student_id) from failures) as failing,
                   (select coalesce(sum(completion_count), 0) from analytics.daily_activity
                       where activity_on >= %(since_on)s and activity_on < %(local_on)s) as completed
               from period""",
            {
                "through": through,
                "quizzes_through": quizzes_through,
                "longest": _LONGEST_LOOK_BACK,
                "first": first,
                "since_on": since_on,
                "local_on": morning.local_on,
            },
        ).fetchone()
    if found is None or found["through"] is None:
        raise Problem("nothing is published yet; run `creator-reports run hourly` first.")
    wishes = morning.wishes
    news = News(
        slipped_count=found["slipped"] if "studentAtRisk" in wishes else None,
        failed_attempt_count=found["failed"] if "quizFailure" in wishes else None,
        failing_student_count=found["failing"] if "quizFailure" in wishes else None,
        completion_count=int(found["completed"]) if "studentCompletion" in wishes else None,
        day_count=None if was_mailed and found["since"] == through else -((found["since"] - found["through"]) // timedelta(days=1)),
    )
    return Told(news, found["through"], found["quizzes_through"])


def why_none(reader: psycopg.Connection, morning: Morning) -> tuple[str, Told | None] | None:
    """Why the creator gets no mail this morning, and what was looked at: a daily one would tell nothing, a weekly one has nobody to tell of."""
    if morning.edition == "daily":
        told = read_news(reader, morning)
        return ("nothing new to tell", told) if told.news.is_empty else None
    with _as_creator(reader, morning.creator_id):
        row = reader.execute("select student_count from analytics.creator_overview").fetchone()
    return ("no students yet", None) if row == (0,) else None


def write(settings: Settings, reader: psycopg.Connection, morning: Morning, as_of: datetime, news: News, link: Link) -> Letter:
    """The letter for a morning, with the five numbers of today. `as_of` is that of the report behind the link."""
    is_weekly = morning.edition == "weekly"
    first = week_of(morning.local_on, as_of, morning.timezone, is_weekly=is_weekly)
    with _as_creator(reader, morning.creator_id):
        row = reader.execute(
            f"select date_format, (select count(*) from analytics.student_engagement_tiers as s where {_IS_SLIPPING}) from analytics.creator_overview"
        ).fetchone()
        weeks = _read_week(reader, first), _read_week(reader, first - timedelta(days=7))
    if row is None:
        raise Problem(f"there is no published row of creator {morning.creator_id}; run `creator-reports run hourly`, then again.")
    return Letter(
        company=morning.company,
        timezone=morning.timezone,
        edition_on=morning.local_on,
        is_weekly=is_weekly,
        as_of=as_of,
        news=news,
        slipping_count=row[1],
        weeks=weeks,
        link=link.url,
        link_ends_at=link.expires_at,
        dashboard_url=settings.dashboard_url,
        date_format=row[0],
    )


def _read_week(reader: psycopg.Connection, first: date) -> Week:
    """The seven days from `first` on, as reports/sections/lead.py sums it: a day of which not all is known leaves sums unknown."""
    with reader.cursor(row_factory=class_row(Week)) as cursor:
        found = cursor.execute(
            """select sum(active_student_count)::bigint as active_student_count, sum(new_student_count)::bigint as new_student_count,
                   case when not bool_or(is_partial) then sum(completion_count)::bigint end as completion_count,
                   case when not bool_or(is_partial) then sum(watch_seconds)::bigint end as watch_seconds
               from analytics.daily_activity where activity_on >= %(first)s and activity_on < %(first)s + 7""",
            {"first": first},
        ).fetchone()
    assert found is not None  # an aggregate always gives one row
    return found
