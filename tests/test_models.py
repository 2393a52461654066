"""The dbt project on a real Postgres: a small platform, made by hand, against answers written by hand; and the laws of the project's files.

Belongs here: what the models compute, and that each is described, typed and has its grain tested. Does not: how the pipeline runs them.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import yaml
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from pipelines import booking, building, compiled, ingest, published_tables, warehouse
from pipelines.catalog import PROJECT_DIR, load_catalog, read_manifest
from pipelines.dbt_runs import NodeResult, run_dbt
from pipelines.local import source
from pipelines.local.world import World
from pipelines.settings import Settings
from pipelines.table_pages import example_query

AS_OF = datetime(2026, 3, 15, 12, tzinfo=UTC)
MANIFEST = read_manifest()
MODELS = {node["name"]: node for node in MANIFEST["nodes"].values() if node["resource_type"] == "model"}
CATALOG = load_catalog(MANIFEST)
TYPE_NAMES = {"timestamptz": "timestamp with time zone"}


def _id(kind: int, number: int = 0) -> UUID:
    return UUID(int=(kind << 64) + number)


# Alpha lives in New York (UTC-5, from 8 March UTC-4), Beta on Mars, Gamma has neither students nor preferences, Delta is not there yet.
ALPHA, BETA, GAMMA, DELTA = (_id(1, number) for number in range(4))
ANN, BOB, CID, DAN, EVE = (_id(2, number) for number in range(5))
INTRO, LOOPS, UNSEEN, MARS_TOUR, LATER = (_id(3, number) for number in range(5))
BASICS, OLD_COURSE = _id(4, 0), _id(4, 1)
QUIZ, FINAL = _id(5, 0), _id(5, 1)
CHAT_ANN, CHAT_CID, CHAT_FOREIGN = (_id(6, number) for number in range(3))
PROJECT, BADGE = _id(7), _id(8)
EARLY = "2026-01-05 15:00"

ROWS: dict[str, list[dict[str, Any]]] = {
    "creators": [
        {"id": ALPHA, "company_name": "Alpha", "current_plan": "enterprise", "created_at": EARLY, "updated_at": EARLY},
        {"id": BETA, "company_name": "<b>Beta</b>", "current_plan": "basic", "created_at": EARLY, "updated_at": EARLY},
        {"id": GAMMA, "company_name": "Gamma", "current_plan": "pro", "created_at": EARLY, "updated_at": EARLY},
        {"id": DELTA, "company_name": "Delta", "current_plan": "pro", "created_at": "2026-03-15 12:00:01", "updated_at": EARLY},
    ],
    "creator_preferences": [
        {"creator_id": ALPHA, "export_preferences": Jsonb({"timezone": "America/New_York"}), "updated_at": EARLY},
        {"creator_id": BETA, "export_preferences": Jsonb({"timezone": "Mars/Phobos", "defaultFormat": "pdf"}), "updated_at": EARLY},
    ],
    "courses": [
        {"id": BASICS, "creator_id": ALPHA, "title": "Basics", "is_active": True, "created_at": EARLY, "updated_at": EARLY},
        {"id": OLD_COURSE, "creator_id": ALPHA, "title": "Old", "is_active": False, "created_at": EARLY, "updated_at": EARLY},
    ],
    "videos": [
        {"id": INTRO, "creator_id": ALPHA, "course_id": BASICS, "title": "Intro", "duration_seconds": 600, "transcript_processed": True},
        {"id": LOOPS, "creator_id": ALPHA, "course_id": BASICS, "title": "Loops", "duration_seconds": 900, "transcript_processed": True},
        {"id": UNSEEN, "creator_id": ALPHA, "course_id": OLD_COURSE, "title": "Unseen", "transcript_processed": False},
        {"id": MARS_TOUR, "creator_id": BETA, "title": "Tour", "duration_seconds": 60, "transcript_processed": False},
        {"id": LATER, "creator_id": ALPHA, "title": "Later", "transcript_processed": False, "created_at": "2026-03-15 12:00:01"},
    ],
    "students": [
        {"id": ANN, "creator_id": ALPHA, "name": "Ann", "email": "ann@example.com", "xp_points": 120, "level": 3, "streak_days": 2},
        {"id": BOB, "creator_id": ALPHA, "name": None, "created_at": "2026-03-10 12:00"},
        {"id": CID, "creator_id": ALPHA, "name": "Cid", "last_active": "2026-03-01 12:00"},
        {"id": DAN, "creator_id": BETA, "name": "Dan", "last_active": "2026-03-20 12:00"},
        {"id": EVE, "creator_id": ALPHA, "name": "Eve", "created_at": "2026-03-15 12:00:01"},
    ],
    "video_progress": [
        # 23:30 of 14 March in New York, and 1:00 of the 15th.
        {"student_id": ANN, "video_id": INTRO, "watch_time_seconds": 600, "completion_percentage": 100, "completed": True, "updated_at": "2026-03-15 03:30"},
        {"student_id": ANN, "video_id": LOOPS, "watch_time_seconds": 301, "completion_percentage": 33, "completed": False, "last_position_seconds": 120,
         "updated_at": "2026-03-15 05:00"},
        {"student_id": CID, "video_id": LOOPS, "watch_time_seconds": 20, "completion_percentage": 5, "completed": False, "last_position_seconds": 15,
         "updated_at": "2026-02-20 15:00"},
        {"student_id": CID, "video_id": INTRO, "watch_time_seconds": 0, "completion_percentage": 0, "completed": False, "updated_at": "2026-02-20 15:00"},
        {"student_id": DAN, "video_id": INTRO, "watch_time_seconds": 999, "completion_percentage": 99, "completed": True, "updated_at": "2026-03-01 12:00"},
        {"student_id": DAN, "video_id": MARS_TOUR, "watch_time_seconds": 10, "completion_percentage": 20, "completed": False, "last_position_seconds": 12,
         "created_at": "2026-03-14 10:00", "updated_at": "2026-03-15 12:30"},
    ],
    "quizzes": [{"id": QUIZ, "creator_id": ALPHA, "title": "Quiz"}, {"id": FINAL, "creator_id": ALPHA, "title": "Final"}],
    "quiz_attempts": [
        {"quiz_id": QUIZ, "student_id": ANN, "score": 55, "passed": False, "completed_at": "2026-03-14 15:00"},
        {"quiz_id": QUIZ, "student_id": ANN, "score": 80, "passed": True, "completed_at": "2026-03-14 16:00"},
        {"quiz_id": QUIZ, "student_id": ANN, "score": 90, "passed": True, "completed_at": "2026-03-14 17:00"},
        {"quiz_id": QUIZ, "student_id": DAN, "score": 0, "passed": False, "completed_at": "2026-03-14 17:00"},
        {"quiz_id": QUIZ, "student_id": ANN, "score": 0, "passed": False, "completed_at": "2026-03-15 12:00:01"},
    ],
    "chat_sessions": [
        {"id": CHAT_ANN, "student_id": ANN, "creator_id": ALPHA},
        {"id": CHAT_CID, "student_id": CID, "creator_id": ALPHA},
        {"id": CHAT_FOREIGN, "student_id": DAN, "creator_id": ALPHA},
    ],
    "chat_messages": [
        {"session_id": CHAT_ANN, "role": "user", "content": "Hello!", "created_at": "2026-03-10 12:00"},
        {"session_id": CHAT_ANN, "role": "assistant", "content": "Hi.", "created_at": "2026-03-10 12:00:05"},
        {"session_id": CHAT_ANN, "role": "user", "content": "How do I start?", "created_at": "2026-03-10 12:01"},
        {"session_id": CHAT_ANN, "role": "assistant", "content": "So.", "feedback": "positive", "created_at": "2026-03-10 12:01:05",
         "video_references": f'[{{"video_id": "{UNSEEN}", "title": "Unseen", "timestamp": 30, "relevance_score": 0.9}}]'},
        {"session_id": CHAT_CID, "role": "user", "content": "how do I start", "created_at": "2026-02-20 15:00"},
        {"session_id": CHAT_CID, "role": "assistant", "content": "So.", "feedback": "negative", "created_at": "2026-02-20 15:01"},
        {"session_id": CHAT_CID, "role": "user", "content": "How do I start?", "created_at": "2025-12-20 15:00"},
        {"session_id": CHAT_CID, "role": "user", "content": "Too long ago, this one?", "created_at": "2025-12-15 15:00"},
        {"session_id": CHAT_FOREIGN, "role": "user", "content": "Not my creator's assistant?", "created_at": "2026-03-10 12:00"},
    ],
    "projects": [{"id": PROJECT, "creator_id": ALPHA, "title": "Project"}],
    "project_submissions": [
        {"project_id": PROJECT, "student_id": ANN, "status": "passed", "score": 90, "submitted_at": "2026-02-01 12:00"},
        {"project_id": PROJECT, "student_id": CID, "status": "in-progress"},
    ],
    "achievements": [{"id": BADGE, "name": "Badge", "xp_value": 10}],
    "student_achievements": [{"student_id": ANN, "achievement_id": BADGE, "unlocked_at": "2026-03-01 12:00"}],
    "xp_transactions": [
        # Midnight of 14 February in New York, and a second earlier.
        {"student_id": ANN, "action": "watched", "xp_amount": 20, "created_at": "2026-02-14 05:00:00+00"},
        {"student_id": ANN, "action": "watched", "xp_amount": 100, "created_at": "2026-02-14 04:59:59+00"},
    ],
    "analytics_events": [
        {"creator_id": ALPHA, "student_id": ANN, "event_type": "payment_failed", "event_data": Jsonb({"amount": 1900, "currency": "usd"}),
         "created_at": "2026-03-01 12:00"},
    ],
}  # fmt: skip
FILLED_IN = {
    "created_at": EARLY, "updated_at": EARLY, "membership_status": "active", "xp_points": 0, "level": 1, "streak_days": 0, "onboarding_completed": True,
    "last_position_seconds": 0, "tags": None, "order_index": 0,
}  # fmt: skip


def _fill(settings: Settings) -> None:
    """The hand-made rows in a source, read and booked by a run for AS_OF: the first one, so what was watched are opening rows."""
    warehouse.init_db(settings)
    with warehouse.connect(settings) as connection:
        source.build(connection, replica=True)
        for table in CATALOG.sources.values():
            for number, row in enumerate(ROWS.get(table.name, [])):
                defaults = {name: value for name, value in FILLED_IN.items() if name in table.columns}
                ids = {"id": _id(99, number)} if "id" in table.columns else {}
                values = ids | defaults | row
                places = ", ".join(f"%({name})s" for name in values)
                connection.execute(f"insert into app.{table.name} ({', '.join(values)}) values ({places})", values)
    guard = warehouse.RunGuard(settings)
    run = guard.enter(warehouse.Run("by-hand", "hourly", AS_OF), print)
    ingest.read_source(settings, CATALOG.sources.values(), run, is_nightly=False, say=print)
    booking.book(settings, CATALOG, run, say=print)
    guard.leave()


@pytest.fixture(scope="module")
def built(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The hand-made platform, booked; shared by the tests of this module."""
    name = f"test_models_{uuid4().hex[:12]}"
    values = world.environment() | {"database_url": world.create_database(name)}
    settings = Settings(_env_file=None, local_dir=tmp_path_factory.mktemp("models"), **values)  # pyrefly: ignore
    _fill(settings)
    yield settings
    world.drop_database(name)


@pytest.fixture(scope="module")
def results(built: Settings) -> dict[str, NodeResult]:
    """What dbt said of every node of the hand-made platform, unit tests and nightly tests included."""
    # Unit tests come last: that of a kept table looks up its columns.
    done = [
        *run_dbt(built, ["build", "--exclude-resource-type", "unit_test"], {}),
        *run_dbt(built, ["test", "--select", "test_type:unit"], {}),
    ]
    return {result.unique_id: result for result in done}


@pytest.fixture
def tables(built: Settings, results: dict[str, NodeResult]) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A connection to the built tables."""
    assert results
    with psycopg.connect(built.require_database_url().get_secret_value(), row_factory=dict_row) as connection:
        yield connection


def _row(connection: psycopg.Connection[dict[str, Any]], mart: str, **key: Any) -> dict[str, Any]:
    found = connection.execute(f"select * from marts.{mart} where {' and '.join(f'{name} = %({name})s' for name in key)}", key).fetchall()
    assert len(found) == 1, (mart, key, found)
    return found[0]


def test_every_model_and_test_of_the_project_is_good(results: dict[str, NodeResult]) -> None:
    bad = {result.name: result.message for result in results.values() if not result.is_good}
    kinds = {result.kind for result in results.values()}
    assert bad == {}, "\n".join(f"{name}: {said}" for name, said in bad.items() if said)
    assert {"model", "seed", "test", "unit_test"} <= kinds


def test_asked_without_dbt_every_test_says_the_same(built: Settings, results: dict[str, NodeResult]) -> None:
    published_tables.make(built, CATALOG.marts.values())
    asked = building._ask_all(built, CATALOG.tests.values(), compiled.whole_tests(built, CATALOG))
    by_dbt = {result.unique_id: (result.status, result.failure_count) for result in results.values() if result.kind == "test"}
    assert {result.unique_id: (result.status, result.failure_count) for result in asked} == by_dbt


def test_example_queries_of_the_page_of_tables_run(tables: psycopg.Connection[dict[str, Any]]) -> None:
    for mart in load_catalog().marts.values():
        query = example_query(mart).replace(f"analytics.{mart.name}", f"marts.{mart.name}").replace(":creator_id", f"'{ALPHA}'")
        assert tables.execute(query.encode()).description, mart.name


def test_bad_preferences_only_warn_and_name_the_creator(results: dict[str, NodeResult], tables: psycopg.Connection[dict[str, Any]]) -> None:
    warned = [result for result in results.values() if result.status == "warn"]
    assert [(result.name, result.failure_count) for result in warned] == [("preferences_of_creators_are_usable", 1)]
    rows = tables.execute(warned[0].compiled_sql).fetchall()
    assert [(row["creator_id"], row["has_bad_timezone"], row["has_bad_export_format"]) for row in rows] == [(BETA, True, True)]


def test_the_overview_of_a_creator(tables: psycopg.Connection[dict[str, Any]]) -> None:
    assert _row(tables, "creator_overview", creator_id=ALPHA) == {
        "creator_id": ALPHA, "company_name": "Alpha", "current_plan": "enterprise", "plan_expires_at": None,
        "timezone": "America/New_York", "today_on": date(2026, 3, 15),
        "student_count": 3, "active_7d_count": 1, "active_30d_count": 2, "active_30d_rate": Decimal("0.6667"),
        "new_30d_count": 1, "new_prior_30d_count": 0, "active_prior_30d_count": 1, "churn_30d_rate": Decimal("0.0000"),
        "inactive_count": 1, "at_risk_count": 0, "low_engagement_count": 1, "highly_engaged_count": 0, "engaged_count": 0, "moderate_count": 1,
        "video_count": 3, "processed_video_count": 2, "total_duration_seconds": 1500, "watched_video_count": 2,
        "completion_count": 1, "watch_seconds": 921, "avg_completion_rate": Decimal("0.4600"),
        "quiz_count": 2, "quiz_attempt_count": 3, "quiz_pass_rate": Decimal("0.6667"), "avg_quiz_score": Decimal("75.00"),
        "question_count": 3, "answer_count": 3, "satisfaction_rate": Decimal("0.5000"),
        "active_90d_count": 2, "active_7d_rate": Decimal("0.3333"), "active_90d_rate": Decimal("0.6667"), "active_30d_change": Decimal("1.0000"),
        "new_month_count": 1, "new_30d_change": None, "quiz_passed_count": 1, "avg_messages_per_chat": Decimal("4.00"), "avg_course_day_count": None,
        "submitted_project_count": 1, "avg_project_score": Decimal("90.00"), "avg_achievement_count": Decimal("0.33"),
        # The first run found all of it: days have presence, no seconds or completions.
        "completion_30d_count": 0, "completion_30d_change": None, "watch_30d_seconds": 0, "watch_30d_change": None,
        "active_day_7d_count": 3, "avg_daily_active_7d": Decimal("0.43"), "avg_active_minutes_7d": None,
        "active_day_30d_count": 4, "avg_daily_active_30d": Decimal("0.13"), "avg_active_minutes_30d": None,
        "active_day_90d_count": 6, "avg_daily_active_90d": Decimal("0.07"), "avg_active_minutes_90d": None,
        "date_format": None, "has_metadata": False, "peak_hour_no": 1, "peak_hour_rate": Decimal("0.1429"),  # seven hours with one student each, the earliest of them
    }  # fmt: skip


def test_a_creator_without_students_has_counts_of_0_and_no_rates(tables: psycopg.Connection[dict[str, Any]]) -> None:
    row = _row(tables, "creator_overview", creator_id=GAMMA)
    assert row["timezone"] == "UTC"
    assert {name: value for name, value in row.items() if name.endswith("_count") and not name.startswith("avg_") and value != 0} == {}
    assert {row[name] for name in row if name.endswith("_rate")} == {None}
    assert {row[name] for name in ("avg_quiz_score", "avg_course_day_count", "avg_active_minutes_30d", "avg_messages_per_chat")} == {None}


def test_what_is_later_than_as_of_is_not_there(tables: psycopg.Connection[dict[str, Any]]) -> None:
    ids = {
        "creator_overview": ("creator_id", {ALPHA, BETA, GAMMA}),
        "student_engagement_tiers": ("student_id", {ANN, BOB, CID, DAN}),
        "video_analytics": ("video_id", {INTRO, LOOPS, UNSEEN, MARS_TOUR}),
    }
    for mart, (column, expected) in ids.items():
        assert {row[column] for row in tables.execute(f"select {column} from marts.{mart}")} == expected


def test_students_and_their_tiers(tables: psycopg.Connection[dict[str, Any]]) -> None:
    assert _row(tables, "student_engagement_tiers", student_id=ANN) == {
        "creator_id": ALPHA, "student_id": ANN, "name": "Ann", "email": "ann@example.com", "membership_status": "active",
        "joined_at": datetime(2026, 1, 5, 15, tzinfo=UTC), "last_active_at": datetime(2026, 3, 15, 5, tzinfo=UTC),
        "tier": "low_engagement", "tier_reason": "2 videos since joining on 5 January 2026", "status_filter": "active",
        "lifecycle_stage": "learning", "rules_version": 1, "videos_watched_count": 2, "avg_completion_rate": Decimal("0.6650"),
        "watch_seconds": 901, "quiz_attempt_count": 3, "quiz_passed_count": 1, "message_count": 2,
        "xp_points": 120, "level": 3, "streak_days": 2,
        "progress_band": "51-75", "course_progress_rate": Decimal("0.6667"), "completed_course_count": 0, "avg_course_day_count": None,
        "submitted_project_count": 1, "avg_project_score": Decimal("90.00"), "xp_30d_points": 20, "achievement_count": 1,
        "last_video_id": LOOPS, "last_video_title": "Loops", "has_slipped": False, "has_failed_twice": False, "is_stalled": False,
        "has_payment_failed": True,
    }  # fmt: skip
    cid = _row(tables, "student_engagement_tiers", student_id=CID)
    assert (cid["tier"], cid["status_filter"], cid["tier_reason"]) == ("inactive", "inactive", "No activity since 1 March 2026")
    bob = _row(tables, "student_engagement_tiers", student_id=BOB)
    assert (bob["tier"], bob["lifecycle_stage"], bob["last_active_at"]) == ("moderate", "not_started", None)
    assert bob["tier_reason"] == "No video, no activity since joining on 10 March 2026"
    dan = _row(tables, "student_engagement_tiers", student_id=DAN)
    assert (dan["last_active_at"], dan["videos_watched_count"], dan["watch_seconds"]) == (AS_OF, 0, 0)


def test_videos_count_viewers_of_their_own_creator(tables: psycopg.Connection[dict[str, Any]]) -> None:
    loops = _row(tables, "video_analytics", video_id=LOOPS)
    assert loops == {
        "creator_id": ALPHA, "video_id": LOOPS, "course_id": BASICS, "title": "Loops", "category": None, "duration_seconds": 900,
        "viewer_count": 2, "view_count": 2, "view_7d_count": 1, "avg_completion_rate": Decimal("0.1900"), "avg_watch_seconds": Decimal("160.50"),
        "completion_count": 0, "completion_rate": Decimal("0.0000"), "high_engagement_count": 0, "low_engagement_count": 1,
        "avg_drop_off_rate": Decimal("0.1900"), "drop_off_second": Decimal("67.50"),
        "last_viewed_at": datetime(2026, 3, 15, 5, tzinfo=UTC), "needs_attention": False, "attention_reason": None,
        "related_question_count": 0, "retention_rates": [Decimal("1.0000"), *[Decimal("0.5000")] * 5, *[Decimal("0.0000")] * 14],
    }  # fmt: skip
    intro = _row(tables, "video_analytics", video_id=INTRO)
    assert (intro["viewer_count"], intro["completion_count"], intro["avg_drop_off_rate"], intro["drop_off_second"]) == (1, 1, None, None)
    unseen = _row(tables, "video_analytics", video_id=UNSEEN)
    assert (unseen["viewer_count"], unseen["completion_rate"], unseen["last_viewed_at"]) == (0, None, None)
    assert (unseen["related_question_count"], unseen["retention_rates"]) == (1, None)
    # Watched half an hour after as_of: the next run counts it.
    tour = _row(tables, "video_analytics", video_id=MARS_TOUR)
    assert (tour["viewer_count"], tour["view_count"], tour["last_viewed_at"]) == (0, 0, None)


def test_days_are_the_creators_own_and_without_gaps(tables: psycopg.Connection[dict[str, Any]]) -> None:
    days = {row["activity_on"]: row for row in tables.execute("select * from marts.daily_activity where creator_id = %s", [ALPHA])}
    assert (min(days), max(days), len(days)) == (date(2025, 12, 15), date(2026, 3, 15), 91)
    quiet = {name: 0 for name in next(iter(days.values())) if name.endswith("_count")}
    busy = {
        date(2025, 12, 15): {"active_student_count": 1, "chatting_student_count": 1, "message_count": 1},
        date(2025, 12, 20): {"active_student_count": 1, "chatting_student_count": 1, "message_count": 1},
        date(2026, 1, 5): {"new_student_count": 2},
        date(2026, 2, 1): {"active_student_count": 1, "submitting_student_count": 1},
        date(2026, 2, 20): {"active_student_count": 1, "watching_student_count": 1, "chatting_student_count": 1, "videos_watched_count": 1, "message_count": 1},
        date(2026, 3, 10): {"active_student_count": 1, "chatting_student_count": 1, "message_count": 2, "new_student_count": 1},
        date(2026, 3, 14): {"active_student_count": 1, "watching_student_count": 1, "quizzing_student_count": 1, "videos_watched_count": 1, "quiz_attempt_count": 3},
        date(2026, 3, 15): {"active_student_count": 1, "watching_student_count": 1, "videos_watched_count": 1},
    }  # fmt: skip
    assert {day: {name: row[name] for name in quiet} for day, row in days.items()} == {day: quiet | busy.get(day, {}) for day in days}


def test_questions_of_one_wording_are_one(tables: psycopg.Connection[dict[str, Any]]) -> None:
    rows = tables.execute("select * from marts.top_questions order by creator_id").fetchall()
    assert [{name: row[name] for name in row if name != "question_id"} for row in rows] == [
        {
            "creator_id": ALPHA, "question": "How do I start?", "ask_count": 3, "student_count": 2, "ask_7d_count": 1, "ask_30d_count": 2,
            "satisfaction_rate": Decimal("0.5000"), "first_asked_at": datetime(2025, 12, 20, 15, tzinfo=UTC),
            "last_asked_at": datetime(2026, 3, 10, 12, 1, tzinfo=UTC), "positive_count": 1, "rated_count": 2, "trend": "steady", "is_content_gap": False,
            "question_group": rows[0]["question_id"],
            "related_video_id": UNSEEN, "related_video_title": "Unseen", "related_video_second": 30,
            "example_wordings": None,
        }
    ]  # fmt: skip


def test_the_same_rows_give_the_same_tables(built: Settings, tables: psycopg.Connection[dict[str, Any]]) -> None:
    def content() -> dict[str, Any]:
        digest = "select md5(string_agg(line, '|' order by line)) as digest from (select mart::text as line from marts.{} as mart)"
        found = {mart: tables.execute(digest.format(mart)).fetchone() for mart in CATALOG.marts}
        tables.commit()
        return found

    before = content()
    assert all(result.is_good for result in run_dbt(built, ["run", "--threads", "1"], {}))
    assert content() == before


def test_without_a_run_there_is_no_instant_to_compute_for(built: Settings, tables: psycopg.Connection[dict[str, Any]]) -> None:
    tables.execute("delete from ops.current_run")
    with pytest.raises(psycopg.errors.RaiseException, match=r"no run stands in ops\.current_run"):
        tables.execute("select * from intermediate.int_creators")
    tables.rollback()


# The laws of the project's files.


def _generic_tests(model: str) -> list[dict[str, Any]]:
    unique_id = MODELS[model]["unique_id"]
    return [node for node in MANIFEST["nodes"].values() if node["resource_type"] == "test" and node.get("attached_node") == unique_id]


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_model_states_and_tests_its_grain(model: str) -> None:
    grains = [test["test_metadata"]["kwargs"]["columns"] for test in _generic_tests(model) if test["test_metadata"]["name"] == "grain"]
    assert grains == [MODELS[model]["config"]["meta"]["grain"]]


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_model_is_described_as_it_is(model: str, tables: psycopg.Connection[dict[str, Any]]) -> None:
    node = MODELS[model]
    assert node["description"]
    assert all(column["description"] and column["data_type"] for column in node["columns"].values())
    said = [(name, TYPE_NAMES.get(column["data_type"], column["data_type"])) for name, column in node["columns"].items()]
    query = """
        select attname, format_type(atttypid, atttypmod) as data_type from pg_attribute
        where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum"""
    found = tables.execute(query, [f"{node['schema']}.{model}"]).fetchall()
    assert said == [(row["attname"], row["data_type"]) for row in found]
    assert not [data_type for _, data_type in said if data_type in {"double precision", "real", "numeric", "timestamp without time zone"}]


def test_layers_read_only_what_lies_below() -> None:
    """Marts may also read the primary data among them: it is written once, and follows from no other mart."""
    below = {"staging": {"raw"}, "intermediate": {"staging", "intermediate"}, "marts": {"staging", "intermediate"}}
    parents = {**MANIFEST["nodes"], **MANIFEST["sources"]}
    wrong = [
        (node["name"], parent)
        for node in MODELS.values()
        for parent in node["depends_on"]["nodes"]
        if parents[parent]["schema"] not in below[node["schema"]]
        and not (node["schema"] == "marts" and parents[parent]["config"].get("meta", {}).get("is_kept"))
    ]
    assert wrong == []


def test_a_daily_table_is_touched_by_rows_and_nothing_rests_on_it() -> None:
    """Its keys wait for the nightly run, which moves them before any model is built."""
    daily = {model.name: model for model in CATALOG.models.values() if model.is_daily}
    assert daily
    for model in daily.values():
        assert not model.touched_by.keys() & CATALOG.models.keys(), model.name
    assert {model.name for model in CATALOG.models.values() if daily.keys() & model.ancestors} == set()


def test_every_file_has_its_twin() -> None:
    folders = [PROJECT_DIR / "models", PROJECT_DIR / "tests"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.name.startswith("_")]
    files += list((PROJECT_DIR / "seeds").iterdir())
    stems: dict[Path, set[str]] = {}
    for path in files:
        stems.setdefault(path.with_suffix(""), set()).add(path.suffix)
    assert {path.name: found for path, found in stems.items() if found not in ({".sql", ".yml"}, {".csv", ".yml"})} == {}


def test_every_claim_is_described_and_hangs_on_a_model() -> None:
    claims = [node for node in MANIFEST["nodes"].values() if node["resource_type"] == "test" and not node.get("test_metadata")]
    assert claims
    for claim in claims:
        assert claim["description"], claim["name"]
        assert claim["config"]["meta"]["dagster"]["ref"]["name"] in MODELS, claim["name"]


def test_every_report_is_declared_whole() -> None:
    data = ("csv", "json", "xlsx")
    assert {name: (report.mart, report.formats, report.scheduled) for name, report in CATALOG.reports.items()} == {
        "students": ("student_engagement_tiers", data, ("csv",)),
        "progress": ("progress", data, ()),
        "chat": ("chat_transcript", data, ()),
        "analytics": ("creator_overview", data, ("json",)),
        "quiz_results": ("quiz_results", data, ()),
        "videos": ("video_analytics", data, ("csv",)),
        "questions": ("top_questions", data, ("csv",)),
        "report": ("creator_overview", ("html",), ("html",)),
        "weekly_report": ("creator_overview", ("html",), ("html",)),
    }
    assert CATALOG.edition("daily") == ("analytics", "questions", "report", "students", "videos")
    assert CATALOG.edition("weekly") == ("weekly_report",)
    assert CATALOG.reports["report"].marts == CATALOG.reports["weekly_report"].marts
    for report in CATALOG.reports.values():
        for name, rule in report.filters.items():
            mart = CATALOG.marts[rule.through or report.mart]
            assert rule.column in {column.name for column in mart.columns}, (report.name, name)
            assert mart.name in report.marts, (report.name, name)
    assert all(exposure["description"] and exposure["owner"]["email"] for exposure in MANIFEST["exposures"].values())


def test_the_sources_are_the_contract() -> None:
    sources = yaml.safe_load((PROJECT_DIR / "models/staging/_sources.yml").read_text())["sources"][0]["tables"]
    assert len(sources) == 16
    for table in CATALOG.sources.values():
        assert set(table.key) <= set(table.columns) and table.watermark in table.columns, table.name
        assert table.set_aside["no key"], table.name
        assert {"columns": list(table.columns)} == {
            "columns": [c["name"] for c in next(s for s in sources if s["name"] == table.name)["columns"]]
        }


def test_set_aside_conditions_run_on_the_tables(tables: psycopg.Connection[dict[str, Any]]) -> None:
    for table in CATALOG.sources.values():
        for reason, condition in table.set_aside.items():
            found = tables.execute(f"select count(*) as n from raw.{table.name} as r where {condition}").fetchone()
            assert found == {"n": 0}, (table.name, reason)
