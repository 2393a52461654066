"""Events that only add rows give the same tables in whatever order the runs see them, as long as they come within the overlap of the watermarks."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from pipelines.local.world import World
from tests.oracle.batches import published
from tests.oracle.mirror import READINGS, Row
from tests.oracle.place import Place
from tests.oracle.platforms import draw_platform
from tests.oracle.removals import Remove
from tests.oracle.schedules import make_schedule
from tests.oracle.warm import Warm, warm_copy, warm_database

SCHEDULE = make_schedule("order", "2025-06-30T21:30", (1, 1, 1), ())
"""Midnight falls between its runs, in one zone or another."""

PLATFORMS = 15

Rows = dict[str, list[Row]]


def _grow(number: int) -> tuple[Rows, Rows]:
    """The rows of one platform that all runs see, and those that come later: all of one hour, the one before the second run."""
    place, random = Place(number, SCHEDULE), Random(number)
    events = draw_platform(5000 + number)
    early: dict[str, dict[tuple, Row]] = {}
    for run in range(10):
        place.run = min(run, 3)
        for event in events:
            if event.run == run and not isinstance(event, Remove):
                event.happen(place)
        if run == 0:
            early = {table: dict(rows) for table, rows in place.tables.items()}
    for table in ("creators", "creator_preferences"):  # they only change
        early[table] = {**place.tables[table], **early[table]}
    late: Rows = {table: [] for table in READINGS}
    for table, rows in place.tables.items():
        for key, row in rows.items():
            if key not in early[table]:
                at = SCHEDULE.instants[0] + timedelta(seconds=random.randint(1, 3600))
                late[table].append({**row, **{name: at for name in ("created_at", "updated_at", "completed_at") if name in row}})
    return {table: list(rows.values()) for table, rows in early.items()}, late


def _play(warm: Warm, early: Rows, late: Rows, arrival: Callable[[str, Row], int]) -> dict[str, dict[tuple, dict[str, Any]]]:
    """Run after run; each late row is seen from the run `arrival` on. The tables at the end, without what says when a run saw something."""
    for run in (1, 2, 3):
        warm.write_source({table: [*early[table], *(row for row in late[table] if arrival(table, row) <= run)] for table in READINGS})
        warm.run(SCHEDULE.instants[run], is_nightly=run == 3, is_tested=False)
    tables = published(warm)
    del tables["tier_transitions"]
    for row in tables["watch_gains"].values():
        del row["booked_as_of"]
    return tables


def test_rows_that_come_in_another_order_give_the_same_tables(world: World) -> None:
    """The first run that sees a row is drawn for each row, once for each of two copies of a database."""
    early: Rows = {table: [] for table in READINGS}
    late: Rows = {table: [] for table in READINGS}
    for number in range(PLATFORMS):
        for whole, part in zip((early, late), _grow(number), strict=True):
            for table, rows in part.items():
                whole[table] += rows

    def draw(seed: int) -> Callable[[str, Row], int]:
        return lambda table, row: Random(f"{seed} {table} {[row[name] for name in READINGS[table].key]}").randint(1, 3)

    with warm_database(world) as warm:
        warm.write_source(early)
        warm.run(SCHEDULE.instants[0], is_nightly=False, is_tested=False)
        with warm_copy(world, warm) as other:
            one, another = _play(warm, early, late, draw(1)), _play(other, early, late, draw(2))
    assert min(len(late[table]) for table in ("students", "videos", "video_progress", "chat_messages", "quiz_attempts")) > 3
    for table in one:
        assert one[table] == another[table], table
