"""A run that is killed by SIGKILL after any model, and between any two steps: the next run ends where an undisturbed one does."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from pipelines.local.world import World
from pipelines.settings import ROOT
from tests.oracle.place import Place, snapshot_tables
from tests.oracle.platforms import draw_platform
from tests.oracle.schedules import make_schedule
from tests.oracle.versions import contents
from tests.oracle.warm import Warm, warm_copy, warm_database

SCHEDULE = make_schedule("kills", "2025-06-30T21:30", (3,), ())

PLATFORMS = 10

STEPS = ["read", "book", "build", "test", "audit"]


@dataclass
class Mortal:
    """The process that runs and is killed."""

    process: subprocess.Popen[str]

    def run(self, warm: Warm, as_of: datetime, point: int | None = None, *, is_nightly: bool = False) -> list[str] | None:
        """The points that a run passed; None when it died at `point`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        address = warm.settings.require_database_url().get_secret_value()
        request = {"database_url": address, "as_of": as_of.isoformat(), "is_nightly": is_nightly, "point": point}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the process that runs ended"
        return json.loads(answer)


@pytest.fixture(scope="module")
def mortal() -> Iterator[Mortal]:
    command = [sys.executable, "-m", "tests.oracle.mortal"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Mortal(process)
        assert process.stdin is not None
        process.stdin.close()


def _write(warm: Warm, places: list[Place], run: int) -> None:
    """What the source holds before the first run, and before the second."""
    for number, place in enumerate(places):
        place.run = run
        for event in draw_platform(6000 + number):
            if min(event.run, 1) == run:
                event.happen(place)
    warm.write_source(snapshot_tables(places))


def _end(warm: Warm) -> dict[str, str | None]:
    """All tables, and that nothing is left to do."""
    assert warm.fetch("select count(*) as left from ops.touched") == [{"left": 0}]
    assert warm.fetch("select state from ops.build") == [{"state": "audited"}]
    return dict(contents(warm))


def _kill_and_run(
    world: World, mortal: Mortal, before: Warm, as_of: datetime, choose: Callable[[list[str]], Iterable[int]], *, is_nightly: bool = False
) -> list[str]:
    """On copies of `before`: one run that nothing disturbs, then for each chosen point a run that dies there and another one. The points there are."""
    with warm_copy(world, before) as undisturbed:
        points = mortal.run(undisturbed, as_of, is_nightly=is_nightly)
        end = _end(undisturbed)
    assert points is not None
    for point in choose(points):
        with warm_copy(world, before) as killed:
            assert mortal.run(killed, as_of, point, is_nightly=is_nightly) is None
            mortal.run(killed, as_of, is_nightly=is_nightly)
            assert _end(killed) == end, f"killed at {points[point]}"
    return points


def test_a_first_run_that_is_killed_is_made_good_by_the_next(world: World, mortal: Mortal) -> None:
    """Models are built whole, four at a time."""
    with warm_database(world) as warm:
        _write(warm, [Place(number, SCHEDULE) for number in range(PLATFORMS)], 0)
        points = _kill_and_run(world, mortal, warm, SCHEDULE.instants[0], lambda points: [points.index("build") // 2])
        assert set(points) == {model.name for model in warm.catalog.models.values()} | set(STEPS)


def test_a_run_by_touched_keys_that_is_killed_anywhere_is_made_good_by_the_next(world: World, mortal: Mortal) -> None:
    """After each step and each model; those that nightly runs build are left alone."""
    places = [Place(number, SCHEDULE) for number in range(PLATFORMS)]
    with warm_database(world) as warm:
        _write(warm, places, 0)
        mortal.run(warm, SCHEDULE.instants[0])
        _write(warm, places, 1)
        points = _kill_and_run(world, mortal, warm, SCHEDULE.instants[1], lambda points: range(len(points)))
        assert set(points) == {model.name for model in warm.catalog.models.values() if model.touch_key and not model.is_daily} | set(STEPS)


def test_a_night_that_is_killed_follows_deletions_all_the_same(world: World, mortal: Mortal) -> None:
    """Before and after what is gone leaves the mirror, and when some models know of it."""
    places = [Place(number, SCHEDULE) for number in range(PLATFORMS)]
    with warm_database(world) as warm:
        _write(warm, places, 0)
        _write(warm, places, 1)
        mortal.run(warm, SCHEDULE.instants[1])
        night = SCHEDULE.instants[1] + timedelta(hours=1)
        for place in places:
            for table in ("students", "videos", "chat_messages", "quiz_attempts"):
                if row := place.pick(table, place.number):
                    place.remove(table, row, cascades=True)
        warm.write_source(snapshot_tables(places))
        _kill_and_run(
            world,
            mortal,
            warm,
            night,
            lambda points: [points.index("read"), points.index("book"), points.index("build") - 1, points.index("build")],
            is_nightly=True,
        )
        mortal.run(warm, night, is_nightly=True)
        assert warm.fetch("select count(*) > 3 as many from raw.tombstones") == [{"many": True}]
