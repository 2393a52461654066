"""Rows that the source has no longer, rows that runs missed, students who leave, come back or are erased, and when a run stops because of it."""

import tempfile
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pyarrow.parquet as pq
import pytest
from psycopg.types.json import Jsonb

from pipelines import comparison, keeping, restoration
from pipelines.problem import Problem
from pipelines.store import Store
from tests import steps
from tests.platform import Platform
from tests.small_source import CATALOG, EARLY, MARCH, NOON, SmallSource

ACME = UUID(int=1)
ANN, BEN = UUID(int=0xA11), UUID(int=0xB22)
INTRO, LOOPS = UUID(int=0xC33), UUID(int=0xD44)
QUIZ, PROJECT, CHAT, BADGE = UUID(int=0xE55), UUID(int=0xF66), UUID(int=0x177), UUID(int=0x288)
DAY = timedelta(days=1)

OF_STUDENT = (
    "chat_messages where session_id in (select id from app.chat_sessions where student_id = %s)",
    "chat_sessions where student_id = %s",
    "video_progress where student_id = %s",
    "quiz_attempts where student_id = %s",
    "project_submissions where student_id = %s",
    "student_achievements where student_id = %s",
    "xp_transactions where student_id = %s",
    "analytics_events where student_id = %s",
    "students where id = %s",
)
"""What goes with a student, where the source cascades."""


@pytest.fixture
def acme(small_source: SmallSource) -> SmallSource:
    """A creator with two videos and two students, of whom Ann has rows in all tables."""
    small_source.add("creators", id=ACME)
    for student, name in ((ANN, "Ann Personal"), (BEN, "Ben")):
        small_source.add("students", id=student, creator_id=ACME, name=name, email=f"{name}@example.com")
    for video in (INTRO, LOOPS):
        small_source.add("videos", id=video, creator_id=ACME)
    small_source.add("quizzes", id=QUIZ, creator_id=ACME)
    small_source.add("projects", id=PROJECT, creator_id=ACME)
    small_source.add("achievements", id=BADGE)
    small_source.add("chat_sessions", id=CHAT, creator_id=ACME, student_id=ANN)
    small_source.add("chat_messages", session_id=CHAT)
    small_source.add("chat_messages", session_id=CHAT, role="assistant", content="Like this.", created_at=MARCH + timedelta(minutes=1))
    for student in (ANN, BEN):
        small_source.add("video_progress", student_id=student, video_id=INTRO)
        small_source.add("quiz_attempts", student_id=student, quiz_id=QUIZ)
        small_source.add("project_submissions", student_id=student, project_id=PROJECT)
        small_source.add("student_achievements", student_id=student, achievement_id=BADGE)
        small_source.add("xp_transactions", student_id=student)
        small_source.add("analytics_events", student_id=student, creator_id=ACME)
    short = small_source.add("chat_sessions", creator_id=ACME, student_id=BEN)
    small_source.add("chat_messages", session_id=short, content="Hi")
    return small_source


def _remove(source: SmallSource, student: UUID) -> dict[str, list[tuple]]:
    """Delete a student as the platform does; the rows, so that they can come back."""
    kept = {}
    for rest in reversed(OF_STUDENT):
        table = rest.split(" ")[0]
        kept[table] = source.connection.execute(f"select * from app.{rest}".encode(), (student,)).fetchall()
    for rest in OF_STUDENT:
        source.change(f"delete from app.{rest}", student)
    return kept


def _bring_back(source: SmallSource, kept: dict[str, list[tuple]]) -> None:
    for table, rows in kept.items():
        for row in rows:
            names = list(CATALOG.sources[table].columns)
            source.connection.execute(
                f"insert into app.{table} ({', '.join(names)}) values ({', '.join(['%s'] * len(names))})".encode(),
                [Jsonb(value) if isinstance(value, dict | list) else value for value in row],
            )


def _run(source: SmallSource, as_of: datetime, *, nightly: bool = True) -> None:
    """All steps of a run; afterwards what was built in steps equals what is built in full."""
    steps.run(source.settings, CATALOG, as_of, is_nightly=nightly)
    assert [difference.summary for difference in comparison.compare(source.settings, CATALOG)] == []


def _tables(source: SmallSource) -> dict[str, list[tuple]]:
    return {name: source.fetch(f"select t::text from analytics.{name} t order by 1") for name in CATALOG.marts}


def _naming(source: SmallSource, text: str) -> list[str]:
    """Tables of the warehouse in which a row holds the text."""
    names = source.fetch(
        """select format('%I.%I', schemaname, tablename) from pg_tables
           where schemaname not in ('pg_catalog', 'information_schema', 'app') order by 1"""
    )
    return [
        name for (name,) in names if source.fetch(f"select exists (select from {name} t where strpos(t::text, '{text}') > 0)") == [(True,)]
    ]


def test_a_student_leaves_comes_back_and_is_erased(acme: SmallSource) -> None:
    acme.add("video_progress", student_id=ANN, video_id=LOOPS, updated_at=MARCH - DAY)
    _run(acme, NOON, nightly=False)
    acme.change(
        "update app.video_progress set watch_time_seconds = 90, completion_percentage = 100, completed = true, updated_at = %s", MARCH + DAY
    )
    _run(acme, NOON + DAY)
    before = _tables(acme)
    days = "select * from analytics.daily_activity order by 1, 2"
    counted = acme.fetch(days)

    kept = _remove(acme, ANN)
    _run(acme, NOON + 2 * DAY)
    assert acme.fetch("select student_id, gone_as_of from raw.tombstones") == [(ANN, NOON + 2 * DAY)]
    assert acme.fetch("select student_id from analytics.student_engagement_tiers") == [(BEN,)]
    assert acme.fetch("select student_count, question_count, quiz_attempt_count from analytics.creator_overview") == [(1, 0, 1)]
    assert acme.fetch("select sum(viewer_count), sum(view_count) from analytics.video_analytics") == [(1, 6)]
    assert acme.count("analytics.top_questions") == 0
    assert acme.fetch(days)[: len(counted)] == counted, "past days keep their counts"
    assert acme.fetch("select id from raw.students order by id") == [(ANN,), (BEN,)], "the row waits for a second night"
    assert acme.fetch("select distinct student_id from raw.video_progress") == [(BEN,)]
    _run(acme, NOON + 2 * DAY)
    assert acme.count("raw.tombstones") == 1, "the same night again is not a second one"

    _bring_back(acme, kept)
    _run(acme, NOON + 2 * DAY + timedelta(hours=1), nightly=False)
    assert acme.count("raw.tombstones") == 0
    assert acme.count("analytics.student_engagement_tiers") == 2, "a student who is back is seen within the hour"
    _run(acme, NOON + 3 * DAY)
    for table in ("student_engagement_tiers", "top_questions"):
        assert _tables(acme)[table] == before[table]
    assert acme.count("raw.watch_gains") == 6, "what comes back as it was is no gain"

    _remove(acme, ANN)
    _run(acme, NOON + 4 * DAY)
    _run(acme, NOON + 4 * DAY + timedelta(hours=1), nightly=False)
    assert acme.count("ops.erasures") == 0, "an hour erases nobody"
    shape = "select video_id, booked_no, observed_at, seconds_gained from raw.watch_gains order by 1, 2, 3, 4"
    gains, was = acme.fetch(shape), acme.fetch(days)
    _run(acme, NOON + 5 * DAY)
    assert _naming(acme, str(ANN)) == []
    assert _naming(acme, "Ann Personal") == []
    assert acme.fetch(shape) == gains
    assert acme.fetch(days)[: len(was)] == was
    assert acme.fetch("select id from raw.students") == [(BEN,)]
    (other,) = acme.fetch(f"select distinct student_id from raw.watch_gains where student_id <> '{BEN}'")
    for table in (
        "intermediate.int_student_days",
        "intermediate.int_watch_days",
        "intermediate.int_student_totals",
        "analytics.tier_transitions",
    ):
        assert acme.fetch(f"select distinct student_id from {table} where student_id <> '{BEN}'") == [other], table
    assert other[0] != ANN
    assert acme.count("ops.touched") == 0


def test_a_run_that_dies_between_two_steps_is_made_good(acme: SmallSource) -> None:
    _run(acme, NOON, nightly=False)
    _remove(acme, ANN)
    acme.read(nightly=True, as_of=NOON + DAY, books=False)
    assert acme.count("raw.tombstones") == 0
    acme.read(nightly=True, as_of=NOON + DAY)  # booked, and nothing after it
    assert acme.fetch("select student_id from analytics.student_engagement_tiers order by 1") == [(ANN,), (BEN,)]
    _run(acme, NOON + DAY + timedelta(hours=1), nightly=False)
    assert acme.fetch("select student_id from analytics.student_engagement_tiers") == [(BEN,)]
    acme.read(nightly=True, as_of=NOON + 2 * DAY)
    assert str(ANN) not in str(acme.fetch("select t::text from marts.tier_transitions t"))
    _run(acme, NOON + 2 * DAY + timedelta(hours=1), nightly=False)
    assert _naming(acme, str(ANN)) == []


def test_nights_after_which_nothing_was_built_are_made_good(acme: SmallSource) -> None:
    _run(acme, NOON, nightly=False)
    _remove(acme, ANN)
    for night in (1, 2):
        acme.read(nightly=True, as_of=NOON + night * DAY)
    assert acme.count("ops.erasures") == 1
    _run(acme, NOON + 2 * DAY, nightly=False)
    assert _naming(acme, str(ANN)) == _naming(acme, "Ann Personal") == []


def test_who_is_erased_never_comes_back(acme: SmallSource) -> None:
    """Not by a source that was restored, nor by a ledger that was saved before or after."""
    _run(acme, NOON, nightly=False)
    keeping.save(acme.settings, CATALOG)
    kept = _remove(acme, ANN)
    acme.read(nightly=True, as_of=NOON + DAY)
    keeping.save(acme.settings, CATALOG)
    restoration.restore(acme.settings, CATALOG, is_forced=True)
    assert acme.fetch("select student_id from raw.tombstones") == [(ANN,)], "a saved tombstone"
    acme.read(nightly=True, as_of=NOON + 2 * DAY)
    assert acme.count("raw.tombstones") == 0
    assert acme.count("ops.erasures") == 1
    keeping.save(acme.settings, CATALOG)
    assert [key for key in _objects(acme) if str(ANN) in str(_read_object(acme, key))] == []
    _bring_back(acme, kept)
    late = acme.add("chat_messages", session_id=CHAT, content="I am back", created_at=MARCH + 2 * DAY)
    assert late
    for number, nightly in enumerate((False, True)):
        acme.read(nightly=nightly, as_of=NOON + 2 * DAY + timedelta(hours=number))
        named = {name.split(".")[0] for name in _naming(acme, str(ANN))}
        assert named == {"analytics"}, "published before, and nothing was built since"
        assert acme.quarantine() == {}
    restoration.restore(acme.settings, CATALOG, is_forced=True)
    _run(acme, NOON + 3 * DAY)
    assert _naming(acme, str(ANN)) == []
    assert acme.quarantine() == {}
    assert acme.fetch("select student_id from analytics.student_engagement_tiers") == [(BEN,)]
    assert acme.fetch("select count(distinct student_id) from raw.watch_gains") == [(2,)]


def _objects(source: SmallSource) -> list[str]:
    return Store(source.settings, is_ledger=True).keys("")


def _read_object(source: SmallSource, key: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryFile() as file:
        Store(source.settings, is_ledger=True).get_file(key, file)
        return pq.read_table(file).to_pylist()


def test_rows_that_runs_missed_are_found_by_their_keys(acme: SmallSource) -> None:
    acme.read()
    old = EARLY - timedelta(days=400)
    student = acme.add("students", creator_id=ACME, created_at=old, updated_at=old)
    message = acme.add("chat_messages", session_id=CHAT, created_at=old)
    acme.add("video_progress", student_id=student, video_id=LOOPS, created_at=old, updated_at=old)
    acme.add("video_progress", student_id=student, video_id=INTRO, completion_percentage=130, created_at=old, updated_at=old)
    assert all(item.changed_count == 0 for item in acme.read(as_of=NOON + DAY).values())
    booked = acme.read(nightly=True, as_of=NOON + DAY)
    assert {name: item.changed_count for name, item in booked.items() if item.changed_count} == {
        "students": 1,
        "chat_messages": 1,
        "video_progress": 1,
    }
    assert acme.fetch(f"select count(*) from raw.chat_messages where id = '{message}'") == [(1,)]
    assert acme.fetch(f"select video_id, seconds_gained from raw.watch_gains where student_id = '{student}'") == [(LOOPS, 60)]
    assert list(acme.quarantine().values()) == ["completion outside 0 to 100"]
    assert all(item.changed_count == 0 for item in acme.read(nightly=True, as_of=NOON + DAY).values())


def test_rows_whose_date_went_far_back_are_found_by_it(acme: SmallSource) -> None:
    acme.read()
    old = MARCH - timedelta(days=400)
    acme.change("update app.video_progress set watch_time_seconds = 90, updated_at = %s where student_id = %s", old, ANN)
    acme.change("update app.video_progress set updated_at = '1980-05-01' where student_id = %s", BEN)
    assert acme.read(as_of=NOON + DAY)["video_progress"].changed_count == 0
    assert acme.read(nightly=True, as_of=NOON + DAY)["video_progress"].changed_count == 1
    assert acme.fetch(f"select sum(seconds_gained) from raw.watch_gains where student_id = '{ANN}'") == [(90,)]
    assert list(acme.quarantine().values()) == ["date before 1990: updated_at"]
    assert all(item.changed_count == 0 for item in acme.read(nightly=True, as_of=NOON + DAY).values())


def test_a_second_row_with_the_key_of_an_old_one_is_found_by_its_date(acme: SmallSource) -> None:
    acme.change("update app.video_progress set updated_at = %s where student_id = %s", MARCH - timedelta(days=400), ANN)
    acme.read()
    acme.add("video_progress", student_id=ANN, video_id=INTRO, watch_time_seconds=5, updated_at=MARCH + timedelta(hours=1))
    for _ in range(2):
        acme.read(nightly=True, as_of=NOON + DAY)
        assert list(acme.quarantine().values()) == ["the key occurs more than once; the newest row was kept"]
        assert acme.fetch(f"select watch_time_seconds from raw.video_progress where student_id = '{ANN}'") == [(5,)]


def test_a_row_that_is_gone_leaves_its_children_without_a_parent(acme: SmallSource) -> None:
    """Where the source does not cascade."""
    course = acme.add("courses", creator_id=ACME)
    acme.add("courses", creator_id=ACME)
    acme.change("update app.videos set course_id = %s, updated_at = '2026-02-01' where id = %s", course, LOOPS)
    acme.read()
    acme.change("delete from app.videos where id = %s", INTRO)
    acme.change("delete from app.chat_sessions where id = %s", CHAT)
    acme.change("delete from app.courses where id = %s", course)
    acme.change("update app.videos set course_id = null")
    booked = acme.read(nightly=True, as_of=NOON + DAY)
    assert {name: item.gone_count for name, item in booked.items() if item.gone_count} == {
        "videos": 1,
        "courses": 1,
        "chat_sessions": 1,
        "chat_messages": 2,
    }
    assert set(acme.quarantine().values()) == {
        "orphan: video_id names no row of videos",
        "orphan: session_id names no row of chat_sessions",
    }
    assert acme.fetch("select id, course_id from raw.videos") == [(LOOPS, None)], "read again since its course is gone"


def test_a_row_that_waits_and_lost_its_parent_is_read_once(acme: SmallSource) -> None:
    acme.read()
    later = NOON + 60 * DAY
    acme.change("update app.video_progress set completion_percentage = 130, updated_at = %s where student_id = %s", MARCH + DAY, ANN)
    acme.change("update app.students set membership_status = 'frozen', updated_at = %s where id = %s", MARCH + DAY, ANN)
    acme.read(as_of=NOON + DAY)
    assert len(acme.quarantine()) == 2
    for table, column, row in (("video_progress", "student_id", BEN), ("students", "id", BEN)):  # so that the window has left those behind
        acme.change(f"update app.{table} set updated_at = %s where {column} = %s", later.replace(tzinfo=None), row)
    acme.read(as_of=later)
    acme.change("delete from app.videos where id = %s", INTRO)
    acme.read(nightly=True, as_of=later)
    assert acme.quarantine()["video_progress", f"{ANN}/{INTRO}"] == "completion outside 0 to 100"
    kept = _remove(acme, ANN)
    acme.read(nightly=True, as_of=later + DAY)
    _bring_back(acme, kept)
    for number in range(1, 3):  # a student who is back, and bad
        acme.read(as_of=later + DAY + timedelta(hours=number))
        assert acme.quarantine()["students", str(ANN)] == "unknown membership status"
    assert acme.count("raw.tombstones") == 1
    acme.change("update app.students set membership_status = 'active'")
    acme.read(as_of=later + 2 * DAY)
    assert acme.count("raw.tombstones") == 0
    assert acme.count("raw.students") == 2


def _fill_students(source: SmallSource, count: int) -> None:
    source.add("creators", id=ACME)
    source.change(
        """insert into app.students (id, creator_id, name, xp_points, level, streak_days, onboarding_completed, membership_status, created_at, updated_at)
           select gen_random_uuid(), %s, 's', 0, 1, 0, false, 'active', '2026-01-01', '2026-01-01' from generate_series(1, %s)""",
        ACME,
        count,
    )
    source.read()


def _lose(source: SmallSource, table: str, count: int) -> None:
    source.change(f"delete from app.{table} where id in (select id from app.{table} order by id limit %s)", count)


@pytest.mark.parametrize(("there", "gone", "share"), [(100, 19, None), (100, 20, "20.0%"), (2100, 21, None), (2000, 21, "1.1%")])
def test_a_night_stops_at_more_than_one_in_a_hundred_and_at_least_twenty_students(
    small_source: SmallSource, there: int, gone: int, share: str | None
) -> None:
    _fill_students(small_source, there)
    _lose(small_source, "students", gone)
    small_source.read(as_of=NOON + timedelta(hours=1))
    if share:
        for _ in range(2):
            with pytest.raises(Problem) as stopped:
                small_source.read(nightly=True, as_of=NOON + DAY)
            assert str(stopped.value).startswith(
                f"{gone} of {there:,} rows of app.students are gone ({share}). Nothing was deleted or booked;"
            )
            assert "pass --accept-deletions to follow them" in str(stopped.value)
            assert "\n" not in str(stopped.value)
        assert small_source.count("raw.tombstones") == 0
        assert small_source.fetch("select booked_as_of from ops.build") == [(NOON + timedelta(hours=1),)]
    booked = small_source.read(nightly=True, as_of=NOON + DAY, accepts_deletions=share is not None)
    assert booked["students"].gone_count == small_source.count("raw.tombstones") == gone
    small_source.read(nightly=True, as_of=NOON + 2 * DAY)  # accepted once
    assert small_source.count("raw.students") == there - gone
    assert small_source.count("ops.erasures") == gone


@pytest.mark.parametrize(("there", "gone", "stops"), [(30, 19, False), (40, 20, False), (40, 21, True)])
def test_a_night_stops_when_another_table_lost_more_than_half(small_source: SmallSource, there: int, gone: int, stops: bool) -> None:
    _fill_students(small_source, 1)
    for _ in range(there):
        small_source.add("videos", creator_id=ACME)
    small_source.read()
    _lose(small_source, "videos", gone)
    if stops:
        with pytest.raises(Problem, match=rf"{gone} of {there} rows of app\.videos are gone"):
            small_source.read(nightly=True, as_of=NOON + DAY)
        assert small_source.count("raw.videos") == there
    small_source.read(nightly=True, as_of=NOON + DAY, accepts_deletions=stops)
    assert small_source.count("raw.videos") == there - gone


def test_an_empty_table_stops_every_run(acme: SmallSource) -> None:
    acme.read()
    acme.change("delete from app.students")
    acme.change("update app.videos set title = 'not booked', updated_at = %s", MARCH)
    for nightly in (False, True):
        with pytest.raises(
            Problem,
            match=r"table app\.students is empty, where 2 rows of it are booked\. Nothing was deleted or booked; .*--accept-deletions",
        ):
            acme.read(nightly=nightly, as_of=NOON + DAY)
    assert acme.fetch("select distinct title from raw.videos") == [("Video",)]
    acme.read(nightly=True, as_of=NOON + DAY, accepts_deletions=True)
    assert acme.count("raw.tombstones") == 2
    acme.read(as_of=NOON + DAY)  # students with a tombstone are expected to be gone
    acme.change("delete from app.videos")
    with pytest.raises(Problem, match=r"table app\.videos is empty, where 2 rows"):
        acme.read(as_of=NOON + DAY)


def test_the_command_line_follows_when_told(platform: Platform) -> None:
    platform.spare_dbt()
    platform.succeed("load", "demo", "--creators", "3", "--students", "150", "--days", "30", "--seed", "4", "--as-of", "2026-03-02T02:00Z")
    platform.succeed("run", "hourly", "--as-of", "2026-03-02T02:00Z")
    with psycopg.connect(platform.environment["DATABASE_URL"]) as connection:
        connection.execute("delete from app.students where id in (select id from app.students order by id limit 30)")
    refused = platform.run("run", "daily", "--as-of", "2026-03-02T03:00Z")
    assert refused.returncode == 1
    assert "30 of 150 rows of app.students are gone (20.0%)" in refused.stderr
    assert "pass --accept-deletions to follow them" in refused.stderr
    platform.succeed("run", "daily", "--accept-deletions", "--as-of", "2026-03-02T03:00Z")
    assert platform.fetch("select sum(student_count) from analytics.creator_overview") == [(120,)]
    usage = platform.run("run", "hourly", "--accept-deletions")
    assert usage.returncode == 2
    assert "belongs to `run daily`" in usage.stderr
