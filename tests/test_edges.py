"""Each `touched_by` edge is needed: dropped, the tables differ from what the oracle says on a platform made for it."""

from pipelines.catalog import load_catalog
from pipelines.local.world import World
from tests.oracle.batches import play
from tests.oracle.edges import BEFORE, NEEDS, SCHEDULE, UNREACHED, all_edges, drop_edges
from tests.oracle.place import Place
from tests.oracle.warm import warm_database


def test_each_edge_has_a_platform_that_needs_it() -> None:
    assert set(all_edges(load_catalog())) == NEEDS.keys() | UNREACHED


def test_each_edge_that_is_dropped_is_caught(world: World) -> None:
    """Of two platforms with the same events the first one lacks the edge."""
    platforms = [BEFORE + NEEDS[edge] for edge in NEEDS for _ in range(2)]
    lacking = {edge: 2 * number for number, edge in enumerate(NEEDS)}
    with warm_database(world) as warm:
        dropped = {edge: Place(number, SCHEDULE).creator_id for edge, number in lacking.items()}
        warm.catalog = drop_edges(warm.catalog, dropped)
        differences = [difference for step in play(warm, SCHEDULE, platforms, is_tested=False) for difference in step.differences]
    wrong = {difference.platform for difference in differences}
    assert {f"{model} <- {cause}" for (model, cause), number in lacking.items() if number not in wrong} == set(), (
        "nothing needs these edges"
    )
    innocent = [str(difference) for difference in differences if difference.platform not in lacking.values()]
    assert innocent == [], "platforms that lack no edge differ too"
