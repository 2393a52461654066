"""Reading and booking: what moves, what stays, and what happens when a run ends in between."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from pipelines import booking, ingest, warehouse
from pipelines.catalog import load_catalog
from pipelines.problem import Problem
from pipelines.settings import Settings
from tests.small_source import SmallSource

CATALOG = load_catalog()
TABLES = list(CATALOG.sources.values())
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CREATOR = UUID(int=1)


def _silent(line: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def platform(small_source: SmallSource) -> tuple[Settings, psycopg.Connection]:
    """Settings with a source that holds one creator, and a connection to that source."""
    small_source.add("creators", id=CREATOR)
    return small_source.settings, small_source.connection


def _run(settings: Settings, *, nightly: bool = False, as_of: datetime = NOON, books: bool = True) -> dict[str, int]:
    """One read and booking; changed rows by table, where there are any (but the creator's own)."""
    guard = warehouse.RunGuard(settings)
    try:
        run = guard.enter(warehouse.Run(uuid4().hex, "hourly", as_of), _silent)
        ingest.read_source(settings, TABLES, run, is_nightly=nightly, say=_silent)
        if not books:
            return {}
        booked = booking.book(settings, CATALOG, run, say=_silent)
        return {item.table: item.changed_count for item in booked if item.changed_count and item.table != "creators"}
    finally:
        guard.leave()


def _student(
    connection: psycopg.Connection, name: str | None, at: datetime, student_id: UUID | None = None, creator_id: UUID | None = CREATOR
) -> None:
    connection.execute(
        "insert into app.students (id, creator_id, name, created_at, updated_at, xp_points, level, streak_days, onboarding_completed, membership_status)"
        " values (%s, %s, %s, %s, %s, 0, 1, 0, false, 'active')",
        (student_id or uuid4(), creator_id, name, at.replace(tzinfo=None), at.replace(tzinfo=None)),
    )


def _fetch(settings: Settings, query: str) -> list[tuple]:
    with warehouse.connect(settings) as connection:
        return connection.execute(query.encode()).fetchall()


def test_only_what_changed_is_read_again(platform: tuple[Settings, psycopg.Connection]) -> None:
    settings, connection = platform
    for number in range(5):
        _student(connection, f"s{number}", NOON - timedelta(days=number), UUID(int=10 + number))
    assert _run(settings) == {"students": 5}
    assert _run(settings) == {}
    connection.execute("update app.students set name = 'renamed', updated_at = %s where name = 's3'", (NOON.replace(tzinfo=None),))
    assert _run(settings) == {"students": 1}
    assert ("renamed",) in _fetch(settings, "select name from raw.students")


def test_the_mirror_holds_each_value_as_it_is(platform: tuple[Settings, psycopg.Connection]) -> None:
    settings, connection = platform
    connection.execute(
        "insert into app.videos (id, creator_id, title, tags, transcript_processed, order_index, created_at, updated_at)"
        """ values (%s, %s, E'=1+1\n"x" \u202e🦊', array['a,b', null, '{"'], true, 0, '2024-02-29', '2026-02-28 23:59:59.999999')""",
        (UUID(int=5), CREATOR),
    )
    connection.execute(
        "insert into app.creator_preferences (creator_id, export_preferences, updated_at) values (%s, '[1, {\"a\": null}]', now())",
        (CREATOR,),
    )
    _run(settings)
    for table in ("videos", "creator_preferences"):
        assert _fetch(settings, f"select * from raw.{table}") == connection.execute(f"select * from app.{table}".encode()).fetchall()


def test_a_late_commit_within_the_overlap_is_found_hourly_an_older_one_nightly(platform: tuple[Settings, psycopg.Connection]) -> None:
    settings, connection = platform
    _student(connection, "newest", NOON)
    _run(settings)
    _student(connection, "late by an hour", NOON - timedelta(hours=1))
    _student(connection, "late by a day", NOON - timedelta(days=1))
    assert _run(settings) == {"students": 1}
    assert _run(settings, nightly=True) == {"students": 1}


def test_a_time_in_the_future_does_not_hide_what_comes_after(platform: tuple[Settings, psycopg.Connection]) -> None:
    settings, connection = platform
    _student(connection, "from the future", datetime.now(UTC) + timedelta(days=400))
    _run(settings)
    _student(connection, "now", datetime.now(UTC))
    assert _run(settings)["students"] == 1


def test_a_run_that_ends_before_booking_moves_nothing(platform: tuple[Settings, psycopg.Connection]) -> None:
    settings, connection = platform
    _student(connection, "s", NOON)
    _run(settings, books=False)
    assert _fetch(settings, "select count(*) from raw.students") == [(0,)]
    assert _fetch(settings, "select * from ops.watermarks") == []
    assert _run(settings) == {"students": 1}


def test_bad_rows_are_set_aside_and_come_back_when_healed(platform: tuple[Settings, psycopg.Connection]) -> None:
    settings, connection = platform
    _student(connection, "no creator", NOON, UUID(int=20), creator_id=None)
    _student(connection, "twice, old", NOON - timedelta(minutes=1), UUID(int=21))
    _student(connection, "twice, new", NOON, UUID(int=21))
    _student(connection, "good", NOON, UUID(int=22))
    assert _run(settings) == {"students": 2}
    assert sorted(_fetch(settings, "select name from raw.students")) == [("good",), ("twice, new",)]
    reasons = dict(_fetch(settings, "select row_key, reason from ops.quarantine"))
    assert set(reasons) == {str(UUID(int=20)), str(UUID(int=21))}
    connection.execute("update app.students set creator_id = %s where name = 'no creator'", (CREATOR,))
    connection.execute("delete from app.students where name = 'twice, old'")
    assert _run(settings) == {"students": 1}
    assert _fetch(settings, "select * from ops.quarantine") == []


def test_a_missing_table_or_column_is_named(platform: tuple[Settings, psycopg.Connection]) -> None:
    settings, connection = platform
    connection.execute("alter table app.videos drop column tags")
    connection.execute("drop table app.achievements cascade")
    with pytest.raises(Problem, match=r"the source lacks table app\.achievements, column app\.videos\.tags; nothing was read"):
        _run(settings)


def test_complete_through_allows_for_late_commits(platform: tuple[Settings, psycopg.Connection]) -> None:
    settings, _ = platform
    _run(settings)
    assert _fetch(settings, "select booked_as_of, complete_through from ops.build") == [(NOON, NOON - timedelta(minutes=10))]


def test_a_run_that_lost_its_turn_books_nothing(platform: tuple[Settings, psycopg.Connection]) -> None:
    settings, connection = platform
    _student(connection, "s", NOON)
    guard = warehouse.RunGuard(settings)
    run = guard.enter(warehouse.Run("first", "hourly", NOON), _silent)
    ingest.read_source(settings, TABLES, run, is_nightly=False, say=_silent)
    guard.leave()
    _run(settings, books=False)
    with pytest.raises(Problem, match="lost its turn"):
        booking.book(settings, CATALOG, run, say=_silent)
    assert _fetch(settings, "select count(*) from raw.students") == [(0,)]


def test_a_second_run_waits_and_gives_up_in_words(settings: Settings) -> None:
    warehouse.init_db(settings)
    first, second = warehouse.RunGuard(settings), warehouse.RunGuard(settings.model_copy(update={"lock_wait_minutes": 0}))
    first.enter(warehouse.Run("first", "daily", NOON), _silent)
    with pytest.raises(Problem, match=r"daily run first, since .* still holds the run lock after 0 seconds; let"):
        second.enter(warehouse.Run("second", "hourly", NOON), _silent)
    first.leave()
    assert second.enter(warehouse.Run("second", "hourly", NOON), _silent).run_id == "second"
    second.leave()


def test_indexes_that_hourly_reads_miss_are_named_where_it_matters(platform: tuple[Settings, psycopg.Connection]) -> None:
    settings, connection = platform
    connection.execute("drop index app.students_updated_at_idx")
    assert ingest.missing_indexes(settings, TABLES) == []
    connection.execute(
        "insert into app.students (id, creator_id, created_at, updated_at, xp_points, level, streak_days, onboarding_completed, membership_status)"
        " select gen_random_uuid(), %s, now(), now(), 0, 1, 0, false, 'active' from generate_series(1, 10000)",
        (CREATOR,),
    )
    connection.execute("analyze app.students")
    assert ingest.missing_indexes(settings, TABLES) == ["students.updated_at"]
