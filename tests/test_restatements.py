"""Numbers of days that were over when they were published, and changed all the same: noted once, with old and new number."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

import pytest

from pipelines import warehouse
from pipelines.local.world import World
from tests.oracle.doings import Attempt, Submit
from tests.oracle.edges import BEFORE
from tests.oracle.events import Event
from tests.oracle.place import Place, snapshot_tables
from tests.oracle.schedules import When, make_schedule
from tests.oracle.warm import Warm, warm_copy, warm_database

SCHEDULE = make_schedule("restatements", "2025-06-10T11:00", (1, 1, 24), (3,))
LATE = Submit(1, When(minutes=10), 0, 0, "submitted", When(days=40))
"""Handed in 40 days before the run that first sees it."""
TODAY = Attempt(1, When(minutes=10), 1, 0, 70, True)
NOTED = "select activity_on, metric, old_value, new_value, as_of from analytics.restatements order by 1, 2, 5"


@pytest.fixture(scope="module")
def before(world: World) -> Iterator[Warm]:
    """A platform after a first run."""
    with warm_database(world) as found:
        _run(found, 0)
        yield found


@pytest.fixture
def warm(world: World, before: Warm) -> Iterator[Warm]:
    """A copy of it, for one test."""
    with warm_copy(world, before) as copy:
        yield copy


def _run(warm: Warm, run: int, *events: Event, is_nightly: bool = False) -> None:
    place = Place(0, SCHEDULE)
    every: Sequence[Event] = (*BEFORE, *events)
    for number in range(run + 1):
        place.run = number
        for event in every:
            if event.run == number:
                event.happen(place)
    warm.write_source(snapshot_tables([place]))
    warm.run(SCHEDULE.instants[run], is_nightly=is_nightly)


def test_a_finished_day_that_changes_is_noted_and_today_is_not(warm: Warm) -> None:
    _run(warm, 1, LATE, TODAY)
    expected = [
        (date(2025, 5, 1), metric, Decimal(0), Decimal(1), SCHEDULE.instants[1])
        for metric in ("active_student_count", "submitting_student_count")
    ]
    assert [tuple(row.values()) for row in warm.fetch(NOTED)] == expected
    _run(warm, 2, LATE, TODAY)
    _run(warm, 3, LATE, TODAY, is_nightly=True)
    assert [tuple(row.values()) for row in warm.fetch(NOTED)] == expected, "what did not change again is not noted again"


def test_a_run_that_is_repeated_keeps_the_number_that_was_published_before_it(warm: Warm) -> None:
    _run(warm, 1, LATE)
    _run(warm, 1, LATE, Attempt(1, When(minutes=10), 1, 0, 70, True), Submit(1, When(minutes=5), 1, 0, "submitted", When(days=40)))
    assert [(row["metric"], row["old_value"], row["new_value"]) for row in warm.fetch(NOTED)] == [
        ("active_student_count", 0, 2),
        ("submitting_student_count", 0, 2),
    ]


def test_who_is_held_back_is_not_restated(warm: Warm) -> None:
    with warehouse.connect(warm.settings) as connection:
        connection.execute("insert into ops.gates select creator_id, 'check failed: by hand', now() from analytics.creator_overview")
    _run(warm, 1, LATE)
    assert warm.fetch(NOTED) == []
    with warehouse.connect(warm.settings) as connection:
        connection.execute("delete from ops.gates")
    _run(warm, 2, LATE)
    assert [row["as_of"] for row in warm.fetch(NOTED)] == [SCHEDULE.instants[2]] * 2


def test_readers_see_their_creators_notes_only(warm: Warm) -> None:
    _run(warm, 1, LATE)
    creator = warm.fetch("select creator_id from analytics.creator_overview")[0]["creator_id"]
    for role, bound, count in (("bi_reader", "", 2), ("report_renderer", str(creator), 2), ("report_renderer", "", 0)):
        with warehouse.connect(warm.settings) as connection:
            warehouse.set_role(connection, role)
            connection.execute("select set_config('ops.render_creator', %s, true)", (bound,))
            assert connection.execute("select count(*) from analytics.restatements").fetchone() == (count,), role
