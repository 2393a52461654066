"""Sums that an hour adds to: when a row is had by adding, when it is computed anew, and that nothing is added twice.

A stored sum that is made wrong by 1,000 tells which of both happened: adding keeps the mistake, computing anew mends it.
That what is added is right on any platform: the oracle.
"""

from collections.abc import Iterator, Sequence

import pytest

from pipelines import build_order, warehouse
from pipelines.local.world import World
from tests.oracle.doings import MOVES, STANDS, Watch
from tests.oracle.edges import BEFORE
from tests.oracle.events import AddVideos, ChangeVideo, Event
from tests.oracle.place import Place, snapshot_tables
from tests.oracle.schedules import When, make_schedule
from tests.oracle.warm import Warm, warm_copy, warm_database

SCHEDULE = make_schedule("additions", "2025-06-10T11:00", (1, 1, 1, 1), ())
MISTAKE = 1000
SUMS = {
    "int_student_progress": "watch_seconds",
    "int_student_courses": "completion_percentage_sum",
    "int_video_progress": "watch_seconds",
    "int_watch_days": "watch_seconds",
    "int_video_days": "watch_seconds",
}
"""Models that are added to, and a sum of each."""


def _watch(run: int, *, seconds: int = 60, completion: int = 50, minutes: int = 10, clock: str = MOVES) -> Watch:
    return Watch(run, When(minutes=minutes), 1, 1, 0, 1, seconds, completion, False, max(seconds, 0), clock)


FIRST = (
    AddVideos(1, When(minutes=30), 1, 0, "Third", None, 100, True),
    Watch(1, When(minutes=20), 1, 1, 1, 1, 0, 50, False, 60, MOVES),
    _watch(1),
)
"""The student begins the second video of the course, then the first."""


@pytest.fixture(scope="module")
def before(world: World) -> Iterator[Warm]:
    """A platform after a first run, built whole, an hour in which a student began a video, and a mistake in each sum of it."""
    with warm_database(world) as found:
        for run in (0, 1):
            _hour(found, run, FIRST)
        with warehouse.connect(found.settings) as connection:
            for model, column in SUMS.items():
                connection.execute(f"update intermediate.{model} set {column} = {column} + {MISTAKE}".encode())
        yield found


@pytest.fixture(params=[build_order.WORTH_PARTING, 1], ids=["whole", "in parts"])
def warm(request: pytest.FixtureRequest, world: World, before: Warm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warm]:
    """A copy of it, for one test: with models computed at once, and in two parts."""
    monkeypatch.setattr(build_order, "WORTH_PARTING", request.param)
    with warm_copy(world, before) as copy:
        yield copy


def _write(warm: Warm, run: int, more: Sequence[Event]) -> None:
    place = Place(0, SCHEDULE)
    for number in range(run + 1):
        place.run = number
        for event in (*BEFORE, *more):
            if event.run == number:
                event.happen(place)
    warm.write_source(snapshot_tables([place]))


def _hour(warm: Warm, run: int, more: Sequence[Event], *, is_tested: bool = False) -> None:
    _write(warm, run, more)
    warm.run(SCHEDULE.instants[run], is_nightly=False, is_tested=is_tested)


def _added(warm: Warm) -> set[str]:
    """The models whose mistake is still in the row of the video, student or day that was watched."""
    student = str(warm.fetch("select student_id from raw.watch_gains order by booked_as_of desc limit 1")[0]["student_id"])
    video = str(warm.fetch("select video_id from raw.watch_gains order by booked_as_of desc limit 1")[0]["video_id"])
    wheres = {
        "int_student_progress": f"student_id = '{student}'",
        "int_student_courses": f"student_id = '{student}'",
        "int_video_progress": f"video_id = '{video}'",
        "int_watch_days": f"student_id = '{student}' and activity_on = '2025-06-10'",
        "int_video_days": f"video_id = '{video}' and activity_on = '2025-06-10'",
    }
    found = {
        model: warm.fetch(f"select {SUMS[model]} as amount from intermediate.{model} where {where}") for model, where in wheres.items()
    }
    return {model for model, rows in found.items() if rows and rows[0]["amount"] >= MISTAKE}


def test_a_plain_step_is_added(warm: Warm) -> None:
    _hour(warm, 2, (*FIRST, _watch(2, seconds=40, completion=70)))
    assert _added(warm) == set(SUMS)
    rows = warm.fetch("select watch_seconds from intermediate.int_watch_days where activity_on = '2025-06-10'")
    assert [row["watch_seconds"] for row in rows] == [MISTAKE + 60 + 40]


def test_what_another_edge_touched_is_computed_anew(warm: Warm) -> None:
    _hour(warm, 2, (*FIRST, _watch(2), ChangeVideo(2, When(minutes=5), 0, 0, "Renamed", None, 100, True)))
    assert _added(warm) == {"int_student_courses", "int_watch_days", "int_video_days"}


@pytest.mark.parametrize(
    ("event", "added"),
    [
        (_watch(2, seconds=-60, completion=0), set()),
        (_watch(2, minutes=-30), set()),
        (Watch(2, When(minutes=10), 1, 1, 0, 1, 60, 100, True, 60, MOVES), {"int_video_progress", "int_video_days", "int_watch_days"}),
        (_watch(2, clock=STANDS), set(SUMS)),
        (
            Watch(2, When(minutes=10), 1, 1, 2, 1, 60, 50, False, 60, MOVES),
            {"int_student_progress", "int_student_courses", "int_watch_days", "int_video_progress"},
        ),
        (
            Watch(2, When(minutes=100), 1, 1, 2, 1, 60, 50, False, 60, MOVES),
            {"int_student_progress", "int_watch_days", "int_video_progress"},
        ),
    ],
    ids=[
        "a viewer is one no longer",
        "watched after the run's instant",
        "completed, so a course may be",
        "the source's clock stood still",
        "another video is begun",
        "another video was begun before all others: days may move",
    ],
)
def test_only_plain_steps_are_added(warm: Warm, event: Event, added: set[str]) -> None:
    _hour(warm, 2, (*FIRST, event))
    assert _added(warm) == added


def test_nothing_is_added_twice(warm: Warm) -> None:
    """A build that is repeated for the same booking, and a run for the same instant: the additions of the first build are spent."""
    events = (*FIRST, _watch(2, seconds=40, completion=70))
    _hour(warm, 2, events)
    assert warm.fetch("select relname from pg_class where relname like 'added_%' and relkind = 'r'") == []
    _hour(warm, 2, events)
    assert [
        row["watch_seconds"] for row in warm.fetch("select watch_seconds from intermediate.int_watch_days where activity_on = '2025-06-10'")
    ] == [MISTAKE + 100]


def test_after_a_run_that_did_not_finish_its_keys_are_computed_anew(warm: Warm) -> None:
    class Died(Exception):
        pass

    def die(step: str) -> None:
        if step == "book":
            raise Died

    events = (*FIRST, _watch(2, seconds=40, completion=70), _watch(3, seconds=20, completion=80))
    _write(warm, 2, events)
    with pytest.raises(Died):
        warm.run(SCHEDULE.instants[2], is_nightly=False, after=die)
    _hour(warm, 3, events)
    assert _added(warm) == set()
