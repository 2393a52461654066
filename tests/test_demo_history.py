"""`load demo --history` against the runs that it stands for: a small platform lives through its days, an hourly run after each hour.

Belongs here: the ledger that the loader writes, and what a real run makes of it. Does not: the ledger's own rules.
Over 200 lines: the platform that lives through its days takes a third, and serves all of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from pipelines import booking, ingest, warehouse
from pipelines.catalog import load_catalog
from pipelines.local import demo, demo_history
from pipelines.local.demo import DemoPlan
from pipelines.local.world import World
from pipelines.problem import Problem
from pipelines.settings import Settings
from tests.platform import Platform

CATALOG = load_catalog()
AS_OF = datetime(2026, 3, 31, 14, 20, tzinfo=UTC)  # the last run comes between two hours
PLAN = DemoPlan(creators=3, students=150, seed=4, days=5, as_of=AS_OF)
GAINS = "select * from raw.watch_gains order by student_id, video_id, booked_no"
ZONES = "select * from raw.creator_zones order by creator_id, valid_from"
OPENING = "select opened_as_of from raw.ledger_opening"

# All that the ledger follows; other tables stay empty.
STATE = (
    "truncate app.creators, app.creator_preferences, app.courses, app.videos, app.students, app.video_progress",
    *(f"insert into app.{table} select * from whole.{table} where created_at <= %(at)s" for table in ("creators", "courses", "videos", "students")),
    *(f"update app.{table} set updated_at = created_at where updated_at > %(at)s" for table in ("creators", "courses", "videos", "students")),
    """insert into app.creator_preferences
       select p.creator_id, notification_settings, p.export_preferences, dashboard_layout,
           case when updated_at at time zone 'UTC' <= %(at)s then updated_at else chosen_at at time zone 'UTC' end
       from whole.creator_preferences as p join whole.choices as c on c.creator_id = p.creator_id where chosen_at <= %(at)s""",
    """insert into app.video_progress (
           id, student_id, video_id, last_position_seconds, watch_time_seconds, completion_percentage, completed, created_at, updated_at)
       select distinct on (id) id, student_id, video_id, last_position_seconds, watch_time_seconds, completion_percentage, completed, created_at, at
       from whole.states where at <= %(at)s order by id, k desc""",
)  # fmt: skip


def quietly(line: str) -> None:
    """Nobody reads the progress lines of these tests."""


@dataclass(frozen=True)
class Written:
    """What stands in a ledger: rows of its three tables, in order."""

    gains: list[tuple]
    zones: list[tuple]
    opening: list[tuple]


def read(address: str) -> Written:
    with psycopg.connect(address, options="-c timezone=UTC") as connection:
        return Written(*(connection.execute(query).fetchall() for query in (GAINS, ZONES, OPENING)))


def address_of(settings: Settings) -> str:
    return settings.require_database_url().get_secret_value()


def load(settings: Settings, plan: DemoPlan) -> None:
    warehouse.init_db(settings)
    with warehouse.connect(settings) as connection:
        demo.load(connection, plan, quietly)


def run(settings: Settings, as_of: datetime) -> None:
    """Read and book, as an hourly run does."""
    guard = warehouse.RunGuard(settings)
    try:
        turn = guard.enter(warehouse.Run(uuid4().hex, "hourly", as_of), quietly)
        ingest.read_source(settings, CATALOG.sources.values(), turn, is_nightly=False, say=quietly)
        booking.book(settings, CATALOG, turn, say=quietly)
    finally:
        guard.leave()


@pytest.fixture(scope="module")
def live_through(world: World) -> Iterator[Settings]:
    """A warehouse whose platform was there hour by hour, each hour followed by a run. Schema `whole` keeps what the platform became."""
    name = f"lived_{uuid4().hex[:12]}"
    values = world.environment() | {"database_url": world.create_database(name)}
    settings = Settings(_env_file=None, **values)  # pyrefly: ignore
    load(settings, DemoPlan(**{**PLAN.__dict__, "replica": True}))
    with warehouse.connect(settings) as connection:
        demo.prepare(connection, PLAN.seed)
        demo.run_file(connection, "demo_states.sql")
        connection.execute("create schema whole")
        for table in ("creators", "creator_preferences", "courses", "videos", "students"):
            connection.execute(f"create table whole.{table} as table app.{table}".encode())
        connection.execute("create table whole.states as table pg_temp.demo_states")
        connection.execute("create table whole.choices as table pg_temp.demo_choices")
        connection.execute(
            "truncate app.quizzes, app.quiz_attempts, app.chat_sessions, app.chat_messages, app.projects, app.project_submissions"
        )
        connection.execute("truncate app.achievements, app.student_achievements, app.xp_transactions, app.analytics_events")
    at = (AS_OF - timedelta(days=PLAN.days)).replace(minute=0)
    while True:
        with warehouse.connect(settings) as connection:
            connection.execute("set timezone = 'UTC'")
            for statement in STATE:
                connection.execute(statement.encode(), {"at": at.replace(tzinfo=None)})
        run(settings, at)
        if at == AS_OF:
            break
        at = min(at + timedelta(hours=1), AS_OF)
    yield settings
    world.drop_database(name)


def test_the_written_history_is_what_hourly_runs_leave(live_through: Settings, settings: Settings) -> None:
    load(settings, DemoPlan(**{**PLAN.__dict__, "history": True}))
    written, booked = read(address_of(settings)), read(address_of(live_through))
    assert written.opening == booked.opening == [(datetime(2026, 3, 26, 14, tzinfo=UTC),)]
    assert written.zones == booked.zones
    assert len(written.gains) == len(booked.gains)
    assert [pair for pair in zip(written.gains, booked.gains, strict=True) if pair[0] != pair[1]] == []


def test_the_platform_shows_all_that_a_ledger_knows(live_through: Settings) -> None:
    """The comparison shows little unless each kind of row occurs in it."""
    seen = """
        select count(*) > 300, bool_or(is_reset), bool_or(is_first_view and booked_no > 1), bool_or(is_completed_now and booked_no > 1),
            bool_or(has_crossed_25 and booked_no > 1), bool_or(has_crossed_50 and booked_no > 1), bool_or(has_crossed_75 and booked_no > 1),
            max(booked_no) >= 4, bool_or(not is_reset and best_completion_percentage > completion_percentage), not bool_or(is_opening)
        from raw.watch_gains"""
    states = """
        select bool_or(states = 1), bool_or(states = 6), count(*) > (select count(*) from raw.watch_gains) + 100 from whole.states"""
    zones = (
        "select count(distinct timezone) > 1, bool_or(timezone = 'Asia/Kolkata'), bool_or(valid_from > '2000-01-01') from raw.creator_zones"
    )
    with warehouse.connect(live_through) as connection:
        for query in (seen, states, zones):
            row = connection.execute(query.encode()).fetchone()
            assert row and all(row), (query, row)


def test_the_last_state_of_a_row_is_the_row_and_totals_only_fall_where_it_was_begun_again(settings: Settings) -> None:
    load(settings, DemoPlan(creators=3, students=300, seed=5, days=60, as_of=AS_OF))
    with warehouse.connect(settings) as connection:
        demo.prepare(connection, 5)
        demo.run_file(connection, "demo_states.sql")
        odd = connection.execute(
            """select count(*) from video_progress as p left join demo_states as s on s.id = p.id and k = states
               where (p.updated_at, p.watch_time_seconds, p.completion_percentage, p.completed, p.last_position_seconds) is distinct from
                     (s.at, s.watch_time_seconds, s.completion_percentage, s.completed, s.last_position_seconds)"""
        ).fetchone()
        assert odd == (0,)
        row = connection.execute(
            """select count(*) filter (where at < created_at or at < last_at), count(*) filter (where seconds < 0 and k is distinct from restart),
                   count(*) filter (where k = restart and seconds >= 0), count(*) filter (where k = restart),
                   bool_and(watch_time_seconds >= 0 and completion_percentage between 0 and 100 and completed = (completion_percentage = 100))
               from (
                   select *, lag(at) over row as last_at, watch_time_seconds - lag(watch_time_seconds) over row as seconds
                   from demo_states window row as (partition by id order by k)) as s"""
        ).fetchone()
        assert row and row[:3] == (0, 0, 0) and row[3] > 50 and row[4]


def test_a_run_on_it_books_nothing_twice_and_shows_the_days_before(platform: Platform) -> None:
    instant = "2026-03-31T14:00Z"
    plan = ("load", "demo", "--creators", "4", "--students", "150", "--days", "20", "--as-of", instant, "--history")
    platform.succeed(*plan)
    before = platform.fetch(GAINS), platform.fetch(ZONES), platform.fetch(OPENING)
    platform.succeed("run", "hourly", "--as-of", instant)
    assert (platform.fetch(GAINS), platform.fetch(ZONES), platform.fetch(OPENING)) == before
    past = platform.fetch(
        """select count(*) filter (where watch_seconds > 0), count(*) filter (where is_partial), sum(watch_seconds)
           from analytics.daily_activity where activity_on < '2026-03-31'"""
    )[0]
    assert past[0] > 30
    assert past[1] <= 4, "at most the first day of each creator"
    assert platform.fetch("select sum(seconds_gained) from raw.watch_gains")[0][0] >= past[2] > 0
    refused = platform.run(*plan)
    assert refused.returncode == 1 and "--history" in refused.stderr and refused.stderr.count("\n") == 1
    platform.succeed("tick", "--hours", "6")
    platform.succeed("run", "hourly", "--as-of", "2026-03-31T20:00Z")
    after = platform.fetch(GAINS)
    assert set(before[0]) < set(after)
    assert {row[-1].isoformat() for row in set(after) - set(before[0])} == {"2026-03-31T20:00:00+00:00"}


@pytest.mark.parametrize("change", [{"students": 0}, {"creators": 1, "students": 1, "days": 1}, {"replica": True}, {"seed": -(2**63)}])
def test_odd_plans_have_a_history_too(settings: Settings, change: dict) -> None:
    load(settings, DemoPlan(**{**PLAN.__dict__, "history": True, **change}))
    written = read(address_of(settings))
    assert len(written.opening) == 1 and written.zones and bool(written.gains) == (change.get("students") != 0)
    run(settings, AS_OF)
    assert read(address_of(settings)) == written


def test_a_ledger_that_has_begun_or_has_no_place_is_left_alone(settings: Settings, database_url: str) -> None:
    plan = DemoPlan(**{**PLAN.__dict__, "history": True, "students": 5})
    with psycopg.connect(database_url) as connection:
        assert not demo_history.is_unwritten(connection)
        with pytest.raises(Problem, match="--history") as refused:
            demo.load(connection, plan, quietly)
        assert "\n" not in str(refused.value)
    load(settings, plan)
    written = read(address_of(settings))
    with warehouse.connect(settings) as connection, pytest.raises(Problem, match="holds one already"):
        demo.load(connection, plan, quietly)
    assert read(address_of(settings)) == written
