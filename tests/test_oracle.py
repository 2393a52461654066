"""Generated platforms: both answers are equal, that of the pipeline and that of an independent oracle; and what else holds after any run.

The platforms of a batch are creators of one database and share its runs: 5 schedules of 10 runs with 42 platforms each are 210 platforms.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from pipelines import build_order, comparison
from pipelines.local.world import World
from tests.oracle.batches import Step, play
from tests.oracle.events import Event
from tests.oracle.platforms import draw_platform
from tests.oracle.schedules import SCHEDULES
from tests.oracle.versions import row_versions
from tests.oracle.warm import Warm, warm_database

PER_BATCH = 42


@dataclass(frozen=True)
class Played:
    """A batch after its last run, or after the first one that the two answers differ on (`last`). `first` is the number of its first platform."""

    warm: Warm
    first: int
    platforms: list[list[Event]]
    last: Step


@pytest.fixture(scope="module", params=SCHEDULES, ids=lambda schedule: schedule.name)
def played(request: pytest.FixtureRequest, world: World) -> Iterator[Played]:
    """One batch on a database of its own, played to its end. Of every other one models with but a few touched keys are computed in parts, as large ones are."""
    index = SCHEDULES.index(request.param)
    first = 1000 * index
    platforms = [draw_platform(first + number) for number in range(PER_BATCH)]
    with warm_database(world) as warm, pytest.MonkeyPatch.context() as patch:
        if index % 2:
            patch.setattr(build_order, "WORTH_PARTING", 2)
        for step in play(warm, request.param, platforms):
            if step.differences:
                break
        yield Played(warm, first, platforms, step)


def test_there_are_enough_platforms() -> None:
    assert len(SCHEDULES) * PER_BATCH >= 200


def test_both_answers_are_equal_after_every_run(played: Played) -> None:
    """The message names what differs first and the generated platform that it differs on; `draw_platform` makes it again."""
    if differences := played.last.differences:
        run, number = differences[0].run, differences[0].platform or 0
        events = "\n".join(f"  {event!r}" for event in played.platforms[number] if event.run <= run)
        said = "\n".join(map(str, differences[:20]))
        pytest.fail(f"{len(differences)} values differ:\n{said}\ndraw_platform({played.first + number}) up to run {run}:\n{events}")


def test_built_in_steps_equals_built_in_full(played: Played) -> None:
    found = comparison.compare(played.warm.settings, played.warm.catalog)
    assert found == [], "\n".join(f"{difference.summary}: {difference.samples}" for difference in found)


def test_a_run_repeated_on_the_same_snapshot_writes_no_row(played: Played) -> None:
    before = row_versions(played.warm)
    last = played.last.snapshot
    published = played.warm.run(last.as_of, is_nightly=last.is_nightly, is_tested=False)
    assert [
        (table.table, table.written_count, table.removed_count) for table in published if table.written_count or table.removed_count
    ] == []
    after = row_versions(played.warm)
    assert {table for table in before | after if before.get(table) != after.get(table)} == set()
    assert {"raw.watch_gains", "intermediate.int_student_days", "marts.daily_activity", "analytics.daily_activity"} <= before.keys()
