"""Hours by touched keys: no dbt while no code changes (nights neither), new SQL when it does, and what one model that fails does to the others."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from pipelines import build_order, building, comparison, compiled, parts, pieces, warehouse
from pipelines.dbt_runs import NodeResult
from pipelines.local.world import World
from pipelines.models import Model
from tests.oracle.doings import MOVES, Watch
from tests.oracle.edges import BEFORE
from tests.oracle.events import Event
from tests.oracle.place import Place, snapshot_tables
from tests.oracle.schedules import When, make_schedule
from tests.oracle.warm import Warm, warm_copy, warm_database

SCHEDULE = make_schedule("pieces", "2025-06-10T11:00", (1, 1, 1), ())
WATCHED = tuple(Watch(run, When(minutes=10), 1, 1, 0, 1, 60, 10, False, 60, MOVES) for run in (1, 2, 3))


@pytest.fixture(scope="module")
def before(world: World) -> Iterator[Warm]:
    """A platform after a first run, built whole, and an hour by touched keys."""
    with warm_database(world) as found:
        _hour(found, 0)
        _hour(found, 1)
        yield found


@pytest.fixture
def warm(world: World, before: Warm) -> Iterator[Warm]:
    """A copy of it, for one test."""
    with warm_copy(world, before) as copy:
        yield copy


def _write(warm: Warm, run: int) -> None:
    place = Place(0, SCHEDULE)
    events: Sequence[Event] = BEFORE + WATCHED
    for number in range(run + 1):
        place.run = number
        for event in events:
            if event.run == number:
                event.happen(place)
    warm.write_source(snapshot_tables([place]))


def _hour(warm: Warm, run: int) -> None:
    _write(warm, run)
    warm.run(SCHEDULE.instants[run], is_nightly=False)


def _refuse(*arguments: Any, **more: Any) -> Any:
    raise AssertionError("dbt was started")


def test_an_hour_and_a_night_without_changed_code_start_no_dbt(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (building, compiled):
        monkeypatch.setattr(module, "run_dbt", _refuse)
    _hour(warm, 2)
    assert warm.fetch("select watch_seconds from intermediate.int_watch_days where activity_on = '2025-06-10'") != []
    _write(warm, 3)
    warm.run(SCHEDULE.instants[3], is_nightly=True)
    assert comparison.compare(warm.settings, warm.catalog) == []


def test_a_daily_table_waits_for_the_night_and_says_so(warm: Warm) -> None:
    """Its rows and its as_of stay as the last whole build left them; the nightly run makes both new."""
    stands = (
        "select (select max(watch_seconds) from analytics.progress), (select as_of from analytics.published where table_name = 'progress')"
    )
    before = warm.fetch(stands)
    assert before[0]["as_of"] == SCHEDULE.instants[0]
    assert {row["table_name"] for row in warm.fetch("select distinct table_name from ops.waiting")} == {"progress", "video_viewer_tiers"}
    _hour(warm, 2)
    assert warm.fetch(stands) == before
    _write(warm, 3)
    warm.run(SCHEDULE.instants[3], is_nightly=True)
    assert warm.fetch(stands) == [{"max": before[0]["max"] + 120, "as_of": SCHEDULE.instants[3]}]
    assert warm.fetch("select * from ops.waiting union all select * from ops.touched") == []


def test_sql_of_an_earlier_version_is_compiled_anew(warm: Warm) -> None:
    with warehouse.connect(warm.settings) as connection:
        connection.execute("update ops.compiled set version = 'earlier', query = 'select broken'")
    stale = "select name from ops.compiled where version = 'earlier' or query = 'select broken'"
    _hour(warm, 2)
    assert warm.fetch(f"{stale} except select name from ops.compiled where name like '%(whole)'") == []
    assert comparison.compare(warm.settings, warm.catalog) == []
    warm.run(SCHEDULE.instants[2], is_nightly=True)
    assert warm.fetch(stale) == []


def test_many_keys_are_computed_in_two_parts(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part in a transaction of its own; together they leave what one would have."""
    computed = dict[str, set[parts.Part]]()

    def compute(connection: psycopg.Connection, run: warehouse.Run, model: Model, part: parts.Part, *rest: Any) -> NodeResult:
        computed.setdefault(model.name, set()).add(part)
        return original(connection, run, model, part, *rest)

    original = pieces.compute
    monkeypatch.setattr(pieces, "compute", compute)
    monkeypatch.setattr(build_order, "WORTH_PARTING", 1)
    _hour(warm, 2)
    assert set(map(frozenset, computed.values())) == {frozenset({parts.WHOLE}), frozenset(parts.split(2))}
    assert comparison.compare(warm.settings, warm.catalog) == []
    assert warm.fetch("select relname from pg_class where relnamespace = 'ops'::regnamespace and relname like 'added%'") == []


def test_after_a_model_that_fails_no_other_is_begun_and_its_keys_stay(warm: Warm) -> None:
    """What rests on it is skipped and said to be; mended, the next run of the hour makes it good."""
    with warehouse.connect(warm.settings) as connection:
        connection.execute(
            "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no room'; end $$;"
            "create trigger refuse before insert or update on intermediate.int_watch_days execute function refuse()"
        )
    with pytest.raises(AssertionError, match=r"int_watch_days: error .*no room"):
        _hour(warm, 2)
    left = {row["table_name"] for row in warm.fetch("select distinct table_name from ops.touched")}
    assert "int_watch_days" in left
    assert warm.fetch("select state from ops.build") == [{"state": "building"}]
    with warehouse.connect(warm.settings) as connection:
        connection.execute("drop function refuse cascade")
    _hour(warm, 2)
    assert comparison.compare(warm.settings, warm.catalog) == []


def test_what_rests_on_a_model_that_fails_is_skipped(warm: Warm) -> None:
    models = [warm.catalog.models[name] for name in ("int_watch_days", "int_students_tiered", "creator_overview")]
    queries = {model.name: "select 1 / 0" for model in models}
    guard = warehouse.RunGuard(warm.settings)
    try:
        run = guard.enter(warehouse.Run(uuid.uuid4().hex, "hourly", SCHEDULE.instants[2]), str)
        with warehouse.owned_transaction(warm.settings, run) as connection:
            connection.execute("insert into ops.touched values ('int_watch_days', gen_random_uuid(), '2025-06-10')")
        results = build_order.bring_up(warm.settings, run, models, queries, models)
    finally:
        guard.leave()
    assert [(result.name, result.status) for result in results] == [
        ("int_watch_days", "error"),
        ("int_students_tiered", "skipped"),
        ("creator_overview", "skipped"),
    ]
    assert "\n" not in results[0].message


def test_a_run_that_lost_its_turn_writes_nothing(warm: Warm) -> None:
    _write(warm, 2)
    guard = warehouse.RunGuard(warm.settings)
    try:
        run = guard.enter(warehouse.Run(uuid.uuid4().hex, "hourly", SCHEDULE.instants[2]), str)
        stranger = replace(run, run_id=uuid.uuid4().hex)
        model = warm.catalog.models["int_watch_days"]
        with pytest.raises(warehouse.Problem, match="lost its turn"):
            build_order.bring_up(warm.settings, stranger, [model], {model.name: "select 1"}, [])
    finally:
        guard.leave()
