"""The comparison with a full build: it names what differs, and who is held back."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from pipelines import comparison, warehouse
from pipelines.catalog import Catalog, load_catalog
from pipelines.comparison import Difference
from pipelines.problem import Problem
from pipelines.settings import Settings
from tests.platform import Platform

HELD = "select creator_id::text, reason from ops.gates where reason like 'check failed: compare%' order by 1, 2"


@pytest.fixture(scope="module")
def built(platform: Platform) -> Settings:
    """A small platform after a first run and one by touched keys."""
    platform.spare_dbt()
    platform.succeed("load", "demo", "--creators", "5", "--students", "200", "--days", "50", "--seed", "3", "--as-of", "2026-03-02T22:00Z")
    platform.succeed("run", "hourly", "--as-of", "2026-03-02T22:00Z")
    platform.succeed("tick", "--hours", "4")
    platform.succeed("run", "hourly", "--as-of", "2026-03-03T02:00Z")
    return Settings(_env_file=None, local_dir=platform.folder, **{name.lower(): value for name, value in platform.environment.items()})


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@contextmanager
def _changed(settings: Settings, table: str, change: str, where: str) -> Iterator[list[tuple]]:
    """One row of a table changed by hand (`change` is its statement, `where` finds the row), and put back at the end. The row as it was."""
    with warehouse.connect(settings, autocommit=True) as connection:
        connection.execute(f"create table public.kept_aside as select * from {table}".encode())
        try:
            rows = connection.execute(f"select * from {table} where {where}".encode()).fetchall()
            assert connection.execute(f"{change} where {where}".encode()).rowcount == len(rows) == 1
            yield rows
        finally:
            connection.execute(f"truncate {table}".encode())
            connection.execute(f"insert into {table} select * from public.kept_aside".encode())
            connection.execute("drop table public.kept_aside")


def _only(found: list[Difference], name: str) -> Difference:
    assert [difference.model for difference in found] == [name]
    return found[0]


def test_a_platform_built_in_steps_equals_a_full_build_and_nothing_is_left_behind(built: Settings, catalog: Catalog) -> None:
    assert comparison.compare(built, catalog) == []
    with warehouse.connect(built) as connection:
        assert connection.execute("select to_regnamespace('scratch')").fetchone() == (None,)
    assert {"int_student_days", "tier_transitions", *catalog.marts} <= {model.name for model in comparison.compared_models(catalog)}


def test_a_changed_row_is_named_with_the_columns_that_differ_and_its_creator(built: Settings, catalog: Catalog) -> None:
    where = "student_id = (select min(student_id::text)::uuid from marts.student_engagement_tiers)"
    change = "update marts.student_engagement_tiers set name = 'Somebody Else', xp_points = xp_points + 1"
    with _changed(built, "marts.student_engagement_tiers", change, where) as rows:
        found = _only(comparison.compare(built, catalog), "student_engagement_tiers")
    assert (found.missing_count, found.extra_count, found.changed_count) == (0, 0, 1)
    assert found.samples == (f"changed: student_id={rows[0][1]} (name, xp_points)",)
    assert found.creators == {str(rows[0][0])}
    assert "Somebody" not in repr(found), "a value that may be personal is shown"


def test_a_row_that_is_gone_and_one_too_many_are_named(built: Settings, catalog: Catalog) -> None:
    where = "video_id = (select min(video_id::text)::uuid from marts.video_analytics)"
    with _changed(built, "marts.video_analytics", "delete from marts.video_analytics", where) as rows:
        found = _only(comparison.compare(built, catalog), "video_analytics")
        assert found.samples == (f"missing: video_id={rows[0][1]}",)
        assert found.creators == {str(rows[0][0])}
    other = "00000000-0000-0000-0000-00000000abcd"
    with _changed(built, "marts.video_analytics", f"update marts.video_analytics set video_id = '{other}'", where) as rows:
        found = _only(comparison.compare(built, catalog), "video_analytics")
    assert (found.missing_count, found.extra_count, found.changed_count) == (1, 1, 0)
    assert set(found.samples) == {f"missing: video_id={rows[0][1]}", f"extra: video_id={other}"}


def test_a_row_whose_table_has_no_creator_names_nobody(built: Settings, catalog: Catalog) -> None:
    where = "student_id = (select min(student_id::text)::uuid from intermediate.int_student_progress)"
    change = "update intermediate.int_student_progress set watch_seconds = watch_seconds + 1"
    with _changed(built, "intermediate.int_student_progress", change, where):
        found = _only(comparison.compare(built, catalog), "int_student_progress")
    assert found.creators is None


def test_of_primary_data_only_what_fell_short_differs(built: Settings, catalog: Catalog) -> None:
    table = "intermediate.int_student_days"
    where = f"(student_id, activity_on) = (select student_id, activity_on from {table} where message_count > 0 order by 1, 2 limit 1)"
    with _changed(built, table, f"update {table} set message_count = message_count - 1", where):
        found = {difference.model: difference for difference in comparison.compare(built, catalog)}
        assert found["int_student_days"].changed_count == 1
        assert found["int_student_days"].samples[0].endswith("(message_count)")
    with _changed(built, table, f"delete from {table}", where):
        found = {difference.model: difference for difference in comparison.compare(built, catalog)}
        assert found["int_student_days"].missing_count == 1
    # What the source forgot stays: more than the source knows is no difference in the table itself, and the days that rest on it follow it.
    with _changed(built, table, f"update {table} set message_count = message_count + 1", where):
        found = {difference.model: difference for difference in comparison.compare(built, catalog)}
        assert "int_student_days" not in found
        assert found["daily_activity"].changed_count == 1


def test_a_transition_that_is_gone_is_missed(built: Settings, catalog: Catalog) -> None:
    table = "marts.tier_transitions"
    where = f"(student_id, changed_at) = (select student_id, changed_at from {table} order by changed_at desc, student_id limit 1)"
    with _changed(built, table, f"delete from {table}", where) as rows:
        found = _only(comparison.compare(built, catalog), "tier_transitions")
    assert (found.missing_count, found.creators) == (1, {str(rows[0][0])})


def test_at_most_ten_rows_are_named_and_all_are_counted(built: Settings, catalog: Catalog) -> None:
    with warehouse.connect(built, autocommit=True) as connection:
        connection.execute("update marts.student_engagement_tiers set level = level + 1")
        try:
            found = _only(comparison.compare(built, catalog), "student_engagement_tiers")
        finally:
            connection.execute("update marts.student_engagement_tiers set level = level - 1")
    assert found.changed_count > 100
    assert len(found.samples) == 10


def test_two_comparisons_at_once_both_end(built: Settings, catalog: Catalog) -> None:
    with warehouse.connect(built) as connection:
        connection.execute("create schema scratch")
        with pytest.raises(psycopg.errors.LockNotAvailable), warehouse.connect(built) as other:
            other.execute("set lock_timeout = '200ms'")
            comparison._make_scratch(other)
        connection.rollback()
    assert comparison.compare(built, catalog) == []


def test_tables_that_are_being_built_are_not_compared(built: Settings, catalog: Catalog) -> None:
    with warehouse.connect(built, autocommit=True) as connection:
        connection.execute("update ops.build set state = 'building'")
        try:
            with pytest.raises(Problem, match="not those of the last booking"):
                comparison.compare(built, catalog)
        finally:
            connection.execute("update ops.build set state = 'audited'")


def test_daily_holds_back_the_creator_of_a_row_that_differs(platform: Platform, built: Settings) -> None:
    (creator, student), *_ = platform.fetch("select creator_id::text, student_id::text from marts.student_engagement_tiers order by 2")
    with warehouse.connect(built) as connection:
        connection.execute("update marts.student_engagement_tiers set level = level + 7 where student_id = %s", (student,))
    before = platform.fetch(f"select * from analytics.student_engagement_tiers where student_id = '{student}'")
    platform.succeed("run", "daily", "--as-of", "2026-03-03T03:00Z")
    assert platform.fetch(HELD) == [(creator, "check failed: compare student_engagement_tiers")]
    assert platform.fetch(f"select * from analytics.student_engagement_tiers where student_id = '{student}'") == before
    assert platform.fetch("select min(as_of) = '2026-03-03 03:00+00' from analytics.published") == [(True,)]
    done = platform.run("check", "--json")
    assert done.returncode == 1
    assert f'"changed: student_id={student} (level)"' in done.stdout
    with warehouse.connect(built) as connection:
        connection.execute("update marts.student_engagement_tiers set level = level - 7 where student_id = %s", (student,))
    platform.succeed("run", "daily", "--as-of", "2026-03-03T03:00Z")
    assert platform.fetch(HELD) == []


def test_a_test_that_names_a_creator_holds_that_creator_back_and_stops_nobody(platform: Platform, built: Settings) -> None:
    (creator, day), *_ = platform.fetch(
        "select creator_id::text, activity_on::text from analytics.daily_activity order by 2 desc, 1 offset 20"
    )
    raise_it = "update analytics.daily_activity set watch_seconds = watch_seconds + %s where (creator_id, activity_on) = (%s, %s)"
    with warehouse.connect(built) as connection:
        warehouse.set_role(connection, "publisher")
        connection.execute(raise_it, (5_000, creator, day))
    platform.succeed("run", "daily", "--as-of", "2026-03-03T03:30Z")
    assert platform.fetch("select creator_id::text, reason from ops.gates") == [(creator, "check failed: a_past_day_never_falls")]
    assert platform.fetch("select min(as_of) = '2026-03-03 03:30+00' from analytics.published") == [(True,)]
    with warehouse.connect(built) as connection:
        warehouse.set_role(connection, "publisher")
        connection.execute(raise_it, (-5_000, creator, day))
    platform.succeed("run", "daily", "--as-of", "2026-03-03T03:30Z")
    assert platform.fetch("select * from ops.gates") == []


def test_daily_publishes_nothing_when_a_row_that_differs_names_no_creator(platform: Platform, built: Settings) -> None:
    table = "intermediate.int_student_progress"
    where = f"student_id = (select min(student_id::text)::uuid from {table})"
    with _changed(built, table, f"update {table} set completed_video_count = completed_video_count + 1", where):
        done = platform.run("run", "daily", "--as-of", "2026-03-03T04:00Z")
    assert done.returncode == 1
    assert platform.fetch("select max(as_of) = '2026-03-03 03:30+00' from analytics.published") == [(True,)]
    assert "int_student_progress" in done.stderr


def test_what_goes_to_another_creator_and_back_is_built_in_steps_as_in_full(platform: Platform, built: Settings, catalog: Catalog) -> None:
    """A student who has done a bit of everything, then a quiz and a project: what was done across the two creators counts at neither."""
    student, first, second = platform.fetch(
        """select s.id::text, s.creator_id::text, (select min(id::text) from app.creators as c where c.id <> s.creator_id)
           from app.students as s
           where exists (select from app.quiz_attempts as a where a.student_id = s.id and a.completed_at is not null)
               and exists (select from app.chat_sessions as c where c.student_id = s.id)
               and exists (select from app.project_submissions as p where p.student_id = s.id)
               and exists (select from app.video_progress as v where v.student_id = s.id)
           order by s.id limit 1"""
    )[0]
    (quiz,), (project,) = (
        platform.fetch(f"select {key}::text from app.{table} where student_id = '{student}' order by 1 limit 1")[0]
        for key, table in (("quiz_id", "quiz_attempts"), ("project_id", "project_submissions"))
    )
    attempts = f"select coalesce(sum(attempt_count), 0) from analytics.quiz_analytics where creator_id = '{first}'"
    before = platform.fetch(attempts)
    moves = [({"students": student}, second), ({"students": student}, first), ({"quizzes": quiz, "projects": project}, second)]
    for hour, (rows, owner) in enumerate(moves, start=5):
        as_of = f"2026-03-03T{hour:02}:00Z"
        with psycopg.connect(platform.environment["DATABASE_URL"]) as connection:
            for table, key in rows.items():
                connection.execute(
                    f"update app.{table} set creator_id = %s, updated_at = %s::timestamptz at time zone 'UTC' - interval '5 minutes' where id = %s",  # pyrefly: ignore
                    (owner, as_of, key),
                )
        platform.succeed("run", "hourly", "--as-of", as_of)
        assert comparison.compare(built, catalog) == []
        assert (platform.fetch(attempts) == before) is (owner == first)
