"""The second lock: no file names what belongs to another creator, whatever row security let through."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pyarrow as pa
import pytest

from pipelines import frames, ownership, published_tables, warehouse
from pipelines.catalog import load_catalog
from pipelines.creator_files import Order, Worker
from pipelines.local import demo
from pipelines.local.world import World
from pipelines.problem import Problem
from pipelines.store import Store
from reports.document import Frame
from tests.oracle.warm import Warm, warm_database

AS_OF = datetime(2026, 3, 1, 12, tzinfo=UTC)
CATALOG = load_catalog()
ORDER = Order("run", "test", AS_OF.date(), tuple(CATALOG.reports))


@pytest.fixture(scope="module")
def warm(world: World) -> Iterator[Warm]:
    with warm_database(world) as found:
        with warehouse.connect(found.settings) as connection:
            demo.load(connection, demo.DemoPlan(3, 90, 5, 60, AS_OF), str)
        found.run(AS_OF, is_nightly=True)
        yield found


@pytest.fixture
def worker(warm: Warm, bucket: str) -> Iterator[Worker]:
    settings = warm.settings.model_copy(update={"s3_bucket": bucket})
    Store(settings).prepare()
    found = Worker(settings, CATALOG, ORDER)
    try:
        yield found
    finally:
        found.close()


def _creators(warm: Warm) -> list[str]:
    return [str(row["creator_id"]) for row in warm.fetch("select creator_id from raw.students group by 1 order by count(*) desc, 1")]


def test_every_id_of_every_mart_has_an_owner() -> None:
    for mart in CATALOG.marts.values():
        for column in mart.columns:
            if column.name.endswith("_id"):
                assert ownership.kind_of(column.name)
    with pytest.raises(Problem, match="nothing says whose row badge_id names"):
        ownership.kind_of("badge_id")


def test_all_files_of_each_creator_pass(worker: Worker, warm: Warm) -> None:
    tally = worker.render_shard(_creators(warm))
    assert (tally.problems, tally.files["failed"]) == ([], 0)
    assert tally.files["finished"] > 10


@pytest.mark.parametrize("broken", ["the policy", "the renderer"])
def test_a_broken_policy_or_renderer_fails_loudly_and_uploads_nothing(
    worker: Worker, warm: Warm, world: World, bucket: str, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    creator, other = _creators(warm)[:2]
    if broken == "the policy":
        with warehouse.connect(warm.settings) as connection:
            warehouse.set_role(connection, "analytics_owner")
            connection.execute("alter policy renderer_reads_its_creator on analytics.video_analytics using (true)")
    else:
        read = frames.read_bundle
        monkeypatch.setattr(frames, "read_bundle", lambda reader, catalog, _, *rest: read(reader, catalog, other, *rest))
    try:
        tally = worker.render_creator(creator)
    finally:
        published_tables.rebind(warm.settings, CATALOG.marts.values())
    assert tally.creators == {"failed": 1}
    assert "belong to somebody else, so nothing was uploaded" in tally.problems[0]
    assert other not in tally.problems[0]
    assert world.objectstore.client().list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def _frame(name: str, **columns: list[str | None]) -> Frame:
    return Frame(name, name, "", (), pa.table({column: pa.array(values, pa.string()) for column, values in columns.items()}))


def test_each_kind_of_stranger_is_found_in_a_frame(warm: Warm) -> None:
    creator, other = _creators(warm)[:2]
    of = {
        owner: {
            kind: str(warm.fetch(f"select id from ({query}) as owned (id, creator_id) where creator_id = '{owner}' limit 1")[0]["id"])
            for kind, query in ownership._OWNERS.items()
        }
        for owner in (creator, other)
    }
    with warehouse.connect(warm.settings, autocommit=True) as connection:
        for kind in ownership._OWNERS:
            ownership.require(connection, creator, [_frame("fine", **{kind: [of[creator][kind], None]})])
            ownership.require(connection, creator, [_frame("empty", **{kind: []})])
            for stranger in (of[other][kind], str(uuid4())):
                with pytest.raises(Problem, match=rf"1 values of things\.{kind} belong to somebody else"):
                    ownership.require(connection, creator, [_frame("things", **{kind: [of[creator][kind], stranger]})])
        last = _frame("things", last_video_id=[of[other]["video_id"]])
        with pytest.raises(Problem, match="last_video_id"):
            ownership.require(connection, creator, [last])
        erased = _frame("kept", student_id=[str(uuid4())])
        ownership.require(connection, creator, [erased], {"kept"})
        with pytest.raises(Problem, match="student_id"):
            ownership.require(
                connection, creator, [replace(erased, table=_frame("kept", student_id=[of[other]["student_id"]]).table)], {"kept"}
            )
