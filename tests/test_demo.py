"""The made-up platform: the same plan gives the same rows, they agree with each other, and they show what the reports are about.

Belongs here: the source tables, `load demo` and `tick`. Does not: what the pipeline makes of the rows.
Over 200 lines because two loaded platforms (the fixtures `platform` and `lived`) serve all of it.
"""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import psycopg
import pytest

from pipelines.local import demo, life, source
from pipelines.local.demo import DemoPlan
from pipelines.local.world import World
from pipelines.problem import Problem, UsageProblem

AS_OF = datetime(2026, 3, 31, 14, tzinfo=UTC)  # between the changes to summer time in America and Australia
SMALL = DemoPlan(creators=6, students=240, seed=7, days=60, as_of=AS_OF)

CONTRADICTIONS = {
    "progress": """
        select from video_progress p join students s on s.id = p.student_id join videos v on v.id = p.video_id, demo.clock
        where v.creator_id <> s.creator_id or p.created_at < s.created_at or p.created_at < v.created_at or p.updated_at < p.created_at
            or p.updated_at > at or p.completion_percentage not between 0 and 100 or p.completed <> (p.completion_percentage = 100)
            or p.watch_time_seconds < 0 or p.last_position_seconds not between 0 and coalesce(v.duration_seconds, 600)""",
    "students": """
        select from students s left join (select student_id, sum(xp_amount) as xp from xp_transactions group by 1) x on x.student_id = s.id, demo.clock
        where s.updated_at < s.created_at or s.updated_at > at or s.last_active > s.updated_at or s.last_active < s.created_at
            or s.xp_points <> coalesce(x.xp, 0) or s.level < 1 or s.streak_days < 0 or (s.last_active is null and s.xp_points > 0)""",
    "activity after last_active": """
        select from students s join (
            select student_id, updated_at as at from video_progress union all select student_id, completed_at from quiz_attempts
            union all select student_id, submitted_at from project_submissions
            union all select student_id, m.created_at from chat_messages m join chat_sessions c on c.id = m.session_id where role = 'user'
        ) as a on a.student_id = s.id where s.last_active is null or a.at > s.last_active""",
    "chats": """
        select from chat_messages m join chat_sessions c on c.id = m.session_id join students s on s.id = c.student_id, demo.clock
        where m.created_at < c.created_at or m.created_at > c.updated_at or c.updated_at > at or c.creator_id <> s.creator_id
            or c.created_at < s.created_at or (m.feedback is not null and m.role <> 'assistant')""",
    "attempts": """
        select from quiz_attempts a join quizzes q on q.id = a.quiz_id join students s on s.id = a.student_id, demo.clock
        where q.creator_id <> s.creator_id or a.completed_at not between greatest(q.created_at, s.created_at) and at
            or a.score not between 0 and 100 or a.passed <> (a.score >= q.passing_score)""",
    "submissions": """
        select from project_submissions p join students s on s.id = p.student_id, demo.clock
        where p.created_at < s.created_at or p.submitted_at < p.created_at or p.reviewed_at < p.submitted_at or p.updated_at > at
            or p.updated_at <> greatest(p.created_at, p.submitted_at, p.reviewed_at)
            or (p.status = 'in-progress') <> (p.submitted_at is null) or (p.status in ('reviewed', 'passed')) <> (p.reviewed_at is not null)""",
    "instants": """
        select from (
            select created_at, updated_at from creators union all select created_at, updated_at from videos
            union all select created_at, updated_at from quizzes union all select created_at, updated_at from projects
            union all select created_at at time zone 'UTC', updated_at at time zone 'UTC' from courses
            union all select created_at, created_at from analytics_events union all select unlocked_at, unlocked_at from student_achievements
            union all select created_at at time zone 'UTC', created_at at time zone 'UTC' from xp_transactions
            union all select updated_at at time zone 'UTC', updated_at at time zone 'UTC' from creator_preferences
        ) as t, demo.clock where updated_at < created_at or updated_at > at""",
}

TIERS = """
select creator_id, tier, count(*)::int from (
    select creator_id, case
        when idle >= interval '14 days' then 'inactive' when idle >= interval '7 days' then 'at_risk'
        when created_at <= %(as_of)s - interval '7 days' and coalesce(videos, 0) < 3 then 'low_engagement'
        when videos >= 10 and completion >= 75 then 'highly_engaged' when videos >= 5 then 'engaged' else 'moderate' end as tier
    from students as s
    left join (
        select student_id, count(*) as videos, avg(completion_percentage) as completion
        from video_progress where watch_time_seconds > 0 or completion_percentage > 0 group by student_id) as p on p.student_id = s.id
    cross join lateral (select %(as_of)s - coalesce(last_active, created_at) as idle) as i) as t
group by 1, 2"""


def connect(address: str) -> psycopg.Connection:
    return psycopg.connect(address, options="-c search_path=app")


def quietly(line: str) -> None:
    """Nobody reads the progress lines of these tests."""


def digest(connection: psycopg.Connection) -> dict[str, str]:
    """A hash of all rows of each table, whatever their order on disk."""
    query = """select md5(coalesce(string_agg(t::text, E'\\n' order by t::text collate "C"), '')) from app.{} as t"""
    return {table: connection.execute(query.format(table).encode()).fetchone()[0] for table in source.TABLES}


def find_contradictions(connection: psycopg.Connection) -> dict[str, int]:
    counts = {name: connection.execute(f"select count(*) from ({query}) as wrong").fetchone()[0] for name, query in CONTRADICTIONS.items()}
    return {name: count for name, count in counts.items() if count}


def values(connection: psycopg.Connection, query: str, parameters: object = None) -> list:
    return [row[0] for row in connection.execute(query.encode(), parameters).fetchall()]


@pytest.fixture(scope="module")
def platform(world: World) -> Iterator[psycopg.Connection]:
    """The default demo, 20 creators and 5,000 students; the tests only read it."""
    name = f"demo_{uuid.uuid4().hex[:12]}"
    address = world.create_database(name)
    with connect(address) as connection:
        demo.load(connection, DemoPlan(creators=20, students=5000, seed=1, days=120, as_of=AS_OF), quietly)
        yield connection
    world.drop_database(name)


def test_same_plan_same_rows(database_url: str) -> None:
    with connect(database_url) as connection:
        rows = demo.load(connection, SMALL, quietly)
        first = digest(connection)
        assert rows == {table: values(connection, f"select count(*) from {table}")[0] for table in source.TABLES}
        assert rows["students"] == 240 and rows["creators"] == 6 and all(rows.values())
        assert demo.load(connection, SMALL, quietly) == rows and digest(connection) == first
        demo.load(connection, replace(SMALL, seed=8), quietly)
        assert not set(digest(connection).values()) & set(first.values())


def test_replica_holds_the_same_rows_without_constraints(database_url: str) -> None:
    with connect(database_url) as connection:
        demo.load(connection, SMALL, quietly)
        whole = digest(connection)
        made = "select count(*) from pg_constraint where connamespace = 'app'::regnamespace and contype = %s"
        assert [values(connection, made, [kind])[0] for kind in "pufc"] == [16, 1, 21, 2]
        assert len(values(connection, "select indexname from pg_indexes where schemaname = 'app'")) == 37
        demo.load(connection, replace(SMALL, replica=True), quietly)
        assert digest(connection) == whole
        assert values(connection, "select count(*) from pg_constraint where connamespace = 'app'::regnamespace") == [0]
        kept = values(connection, "select tablename || indexdef from pg_indexes where schemaname = 'app'")
        assert len(kept) == 10 and all(one.endswith("_at)") for one in kept)
        connection.execute("insert into video_progress (id, created_at, updated_at) values (null, now(), now())")


def test_rows_agree_with_each_other(platform: psycopg.Connection) -> None:
    assert find_contradictions(platform) == {}


def test_sizes_follow_a_power_law(platform: psycopg.Connection) -> None:
    sizes = values(
        platform, "select count(s.id)::int from creators c left join students s on s.creator_id = c.id group by c.id order by 1 desc"
    )
    assert sum(sizes) == 5000 and sizes[0] == 1667 and sizes[-1] == 0
    assert all(sizes[rank - 1] == pytest.approx(sizes[1] * (2 / rank) ** 1.1, rel=0.02) for rank in (3, 4, 8, 16))


@pytest.mark.parametrize(
    ("creators", "students", "share"),
    [
        (1, 10, 0.2),
        (2, 7, 1 / 3),
        (3, 0, 0.5),
        (4, 1, 1.0),
        (20, 5000, 1 / 3),
        (1000, 1_000_000, 0.05),
        (1000, 37, 0.001),
        (50, 1000, 0.99),
    ],
)
def test_sizes_add_up_and_the_largest_has_its_share(creators: int, students: int, share: float) -> None:
    sizes = demo.creator_sizes(creators, students, share)
    filled = creators - (creators >= 4)
    assert len(sizes) == creators and sum(sizes) == students and min(sizes) >= 0
    assert sizes[0] == round(students * max(share, 1 / filled))
    assert max(sizes) <= sizes[0] + 1
    assert creators < 4 or sizes[-1] == 0


def test_all_tiers_are_there_in_living_proportion(platform: psycopg.Connection) -> None:
    rows = platform.execute(TIERS, {"as_of": AS_OF.replace(tzinfo=None)}).fetchall()
    share = {tier: sum(count for _, t, count in rows if t == tier) / 5000 for _, tier, _ in rows}
    expected = {
        "highly_engaged": (0.1, 0.2), "engaged": (0.14, 0.25), "moderate": (0.12, 0.25),
        "low_engagement": (0.06, 0.15), "at_risk": (0.08, 0.17), "inactive": (0.18, 0.32),
    }  # fmt: skip
    assert {tier for tier, (low, high) in expected.items() if low <= share[tier] <= high} == set(expected), share
    large = values(platform, "select creator_id from students group by 1 having count(*) >= 150")
    assert len(large) >= 5
    assert all({tier for creator, tier, _ in rows if creator == one} == set(expected) for one in large)


def test_there_is_something_to_report(platform: psycopg.Connection) -> None:
    largest = values(platform, "select creator_id from students group by 1 order by count(*) desc limit 1")[0]
    attention = """
        select count(*)::int from (
            select video_id from video_progress p join videos v on v.id = p.video_id where creator_id = %s
            group by 1 having count(*) >= 10 and avg(completed::int) < 0.3) as v"""
    assert 3 <= values(platform, attention, [largest])[0] <= 40
    asked = """
        select count(*) from chat_messages m join chat_sessions c on c.id = m.session_id
        where role = 'user' and length(content) > 10 and c.creator_id = %s group by lower(content) having count(distinct c.student_id) >= 5"""
    assert len(values(platform, asked, [largest])) >= 5
    quizzes = "select avg((not passed)::int)::float8 from quiz_attempts group by quiz_id having count(*) >= 5"
    assert {fails > 0.5 for fails in values(platform, quizzes)} == {True, False}
    wrong = """
        select avg((answers -> (q ->> 'id') is distinct from q -> 'correct_answer')::int)::float8
        from quiz_attempts a join quizzes z on z.id = a.quiz_id, jsonb_array_elements(questions) as q
        where q ? 'correct_answer' group by quiz_id, q ->> 'id' having count(*) >= 20"""
    shares = sorted(values(platform, wrong))
    assert shares[0] < 0.2 and shares[-1] > 0.7
    answers = "select role || coalesce(feedback, '') from chat_messages group by 1"
    assert set(values(platform, answers)) == {"user", "assistant", "assistantpositive", "assistantnegative"}
    paid = "select event_type || (event_data ->> 'currency') from analytics_events where event_data ? 'amount' group by 1"
    assert len(values(platform, paid)) == 4
    assert len(values(platform, "select membership_status from students group by 1")) == 4
    assert values(platform, "select count(*) from students where last_active is null")[0] > 100
    assert values(platform, "select max(length(content)) from chat_messages") == [10000]


def test_videos_lose_their_viewers_early_or_late(platform: psycopg.Connection) -> None:
    stopped = """
        select (percentile_cont(0.5) within group (order by completion_percentage))::int
        from video_progress where not completed and completion_percentage > 0 group by video_id having count(*) >= 30"""
    medians = values(platform, stopped)
    assert sum(median < 20 for median in medians) >= 5 and sum(median > 65 for median in medians) >= 5


def test_creators_differ_in_plan_and_preferences(platform: psycopg.Connection) -> None:
    plans = "select current_plan || case when plan_expires_at <= %s then ' ended' else '' end from creators"
    held = values(platform, plans, [AS_OF])
    assert held.count("enterprise") >= 10 and {"enterprise ended", "pro", "basic"} <= set(held)
    zones = values(
        platform, "select export_preferences ->> 'timezone' from creator_preferences where jsonb_typeof(export_preferences) = 'object'"
    )
    assert {"Asia/Kolkata", "Australia/Adelaide", "America/New_York", "Mars/Olympus", "7", "", None} <= set(zones)
    shapes = values(platform, "select jsonb_typeof(export_preferences) from creator_preferences group by 1")
    assert set(shapes) == {"object", "array", "string", None}
    assert values(platform, "select count(*) from creators where id not in (select creator_id from creator_preferences)")[0] == 2
    assert values(platform, "select count(*) from creators where id not in (select creator_id from videos)")[0] == 1


def test_hostile_texts_reach_names_titles_and_questions(platform: psycopg.Connection) -> None:
    texts = values(platform, "select unnest(pg_temp.hostile_texts())")
    names = values(platform, "select name from students")
    assert set(texts) - {""} <= set(names) and None in names
    assert None in values(platform, "select email from students")
    for query in ("select title from videos", "select content from chat_messages", "select email from students where email is not null"):
        assert any(value.startswith("=") for value in values(platform, query)), query
    assert any("<script>" in name for name in values(platform, "select company_name from creators"))
    assert max(len(name or "") for name in names) == 10_000


def test_people_learn_in_the_evening_of_their_own_zone(platform: psycopg.Connection) -> None:
    hours = """
        select extract(hour from p.updated_at at time zone 'UTC' at time zone zone)::int
        from demo.audience a join students s using (creator_id) join video_progress p on p.student_id = s.id
        where zone = %s and not is_office"""
    for zone in ("America/New_York", "Australia/Adelaide", "Pacific/Auckland"):
        found = values(platform, hours, [zone])
        evening, night = sum(18 <= hour <= 22 for hour in found), sum(2 <= hour <= 5 for hour in found)
        assert evening > 0.35 * len(found) > 7 * night, zone
    days = """
        select extract(isodow from p.updated_at at time zone 'UTC' at time zone zone)::int
        from demo.audience a join students s using (creator_id) join video_progress p on p.student_id = s.id where is_office"""
    found = values(platform, days)
    assert sum(day >= 6 for day in found) < 0.2 * len(found)


@pytest.mark.parametrize(
    "change",
    [
        {"creators": 1, "students": 0}, {"creators": 1, "students": 1, "days": 1}, {"creators": 2, "students": 3, "largest_share": 1.0},
        {"creators": 4, "students": 40, "days": 1}, {"creators": 30, "students": 5}, {"seed": -(2**63), "students": 20},
    ],
)  # fmt: skip
def test_odd_plans_make_whole_platforms_that_live_on(database_url: str, change: dict) -> None:
    plan = replace(SMALL, **change)
    with connect(database_url) as connection:
        rows = demo.load(connection, plan, quietly)
        assert rows["students"] == plan.students and rows["creators"] == plan.creators
        life.tick(connection, 2, quietly)
        assert find_contradictions(connection) == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"creators": 0}, "--creators"), ({"students": -1}, "--students"), ({"students": 4_000_001}, "--students"), ({"days": 0}, "--days"),
        ({"largest_share": 0.0}, "--largest-share"), ({"largest_share": 1.1}, "--largest-share"), ({"seed": 2**63}, "--seed"),
        ({"largest_share": float("nan")}, "--largest-share"), ({"as_of": AS_OF.replace(tzinfo=None)}, "--as-of"), ({"as_of": AS_OF.replace(year=1)}, "--as-of"),
    ],
)  # fmt: skip
def test_senseless_plans_are_refused_in_one_line(change: dict, words: str) -> None:
    with pytest.raises(UsageProblem, match=words) as refused:
        replace(SMALL, **change)
    assert "\n" not in str(refused.value)


def test_the_future_is_refused(database_url: str) -> None:
    with connect(database_url) as connection, pytest.raises(UsageProblem, match="in the future"):
        demo.load(connection, replace(SMALL, as_of=datetime.now(UTC) + timedelta(hours=2)), quietly)


def test_tables_of_others_are_left_alone(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("create schema app; create table app.creators (id int); insert into app.creators values (1)")
        connection.commit()
        with pytest.raises(Problem, match="not made by creator-reports") as refused:
            demo.load(connection, SMALL, quietly)
        assert "\n" not in str(refused.value)
        with pytest.raises(Problem, match="load demo"):
            life.tick(connection, 1, quietly)
        assert values(connection, "select id from app.creators") == [1]
        connection.execute("drop table app.creators")
        assert demo.load(connection, replace(SMALL, students=5), quietly)["students"] == 5
    assert source.exists(database_url, "app") and not source.exists(database_url, "elsewhere")


def test_a_load_that_fails_leaves_what_was_there(database_url: str) -> None:
    with connect(database_url) as connection:
        demo.load(connection, SMALL, quietly)
        before = digest(connection)

        def fail(line: str) -> None:
            if line.startswith("quizzes"):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            demo.load(connection, replace(SMALL, seed=9), fail)
        assert digest(connection) == before


@pytest.fixture(scope="module")
def lived(world: World) -> Iterator[SimpleNamespace]:
    """A platform that lived on for 30 hours, with what it was before: progress and students by id, feedback by message."""
    watched = "select id, watch_time_seconds, completion_percentage, updated_at from video_progress"
    members = "select id, membership_status from students"
    rated = "select id from chat_messages where feedback is not null"
    name = f"demo_{uuid.uuid4().hex[:12]}"
    address = world.create_database(name)
    with connect(address) as connection:
        demo.load(connection, replace(SMALL, students=1200), quietly)
        found = SimpleNamespace(
            before={row[0]: row[1:] for row in connection.execute(watched)},
            students_before=dict(connection.execute(members).fetchall()),
            rated_before=set(values(connection, rated)),
        )
        found.changes = life.tick(connection, 30, quietly)
        found.after = {row[0]: row[1:] for row in connection.execute(watched)}
        found.students_after = dict(connection.execute(members).fetchall())
        found.rated_after = set(values(connection, rated))
        found.contradictions, found.rows = find_contradictions(connection), digest(connection)
    yield found
    world.drop_database(name)


def test_the_platform_lives_on(lived: SimpleNamespace) -> None:
    assert lived.contradictions == {}
    kept = lived.before.keys() & lived.after.keys()
    moved = [key for key in kept if lived.before[key] != lived.after[key]]
    assert len(moved) > 30
    assert all(all(new >= old for new, old in zip(lived.after[key], lived.before[key], strict=True)) for key in moved)
    assert all(lived.after[key][2] > lived.before[key][2] for key in moved)
    assert len(lived.after.keys() - lived.before.keys()) > 100
    assert lived.students_after.keys() - lived.students_before.keys()
    assert 1 <= len(lived.students_before.keys() - lived.students_after.keys()) <= 5
    changed = {(old, lived.students_after.get(key, old)) for key, old in lived.students_before.items()}
    assert {pair for pair in changed if pair[0] != pair[1]} >= {("trialing", "active"), ("trialing", "expired")}
    assert lived.rated_after - lived.rated_before
    busy = {
        "students",
        "video_progress",
        "chat_sessions",
        "chat_messages",
        "quiz_attempts",
        "project_submissions",
        "xp_transactions",
        "analytics_events",
    }
    assert busy <= {table for table, count in lived.changes.items() if count} and set(lived.changes) == set(source.TABLES)
    assert lived.changes["creators"] == 0


def test_living_on_is_the_same_on_a_replica_and_hour_by_hour(database_url: str, lived: SimpleNamespace) -> None:
    """A replica has other indexes, so other plans: rows that depended on a plan would differ."""
    with connect(database_url) as connection:
        demo.load(connection, replace(SMALL, students=1200, replica=True), quietly)
        changes = [life.tick(connection, hours, quietly) for hours in (1, 1, 28)]
        assert digest(connection) == lived.rows
        assert values(connection, "select at from demo.clock") == [AS_OF.replace(tzinfo=None) + timedelta(hours=30)]
        assert sum(change["video_progress"] for change in changes) >= lived.changes["video_progress"] > 0


def test_tick_needs_a_demo_and_hours(database_url: str) -> None:
    with connect(database_url) as connection:
        with pytest.raises(Problem, match="load demo"):
            life.tick(connection, 1, quietly)
        with pytest.raises(UsageProblem, match="--hours"):
            life.tick(connection, 0, quietly)
        assert life.hours_behind(connection, datetime.now(UTC)) == 0
