"""The saved ledger: which days are written and when, and a database that comes back from it."""

import hashlib
import re
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import psycopg
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from pipelines import erasure, keeping, restoration, saved_index, warehouse
from pipelines.catalog import Catalog, load_catalog
from pipelines.keeping import KeptTable
from pipelines.local import demo, life
from pipelines.local.world import World
from pipelines.problem import Problem
from pipelines.settings import Settings
from pipelines.store import Store
from tests import steps
from tests.platform import Platform

START = datetime(2026, 3, 2, 14, tzinfo=UTC)
"""Students of the demo leave in the hour before this one; all tests together live through less than a day."""


def _silent(line: str) -> None:
    """Progress that nobody reads."""


def _fetch(settings: Settings, query: str) -> list[tuple]:
    with warehouse.connect(settings) as connection:
        return connection.execute(query.encode()).fetchall()


def _execute(settings: Settings, statement: str) -> int:
    with warehouse.connect(settings) as connection:
        return connection.execute(statement.encode()).rowcount


@dataclass
class Kept:
    """A platform with a ledger of several runs, and the instant of the last one."""

    settings: Settings
    catalog: Catalog
    as_of: datetime

    def live_on(self, hours: int, *, is_nightly: bool = False) -> None:
        """Let the source go on, then run."""
        with warehouse.connect(self.settings) as connection:
            life.tick(connection, hours, _silent)
        self.as_of += timedelta(hours=hours)
        steps.run(self.settings, self.catalog, self.as_of, is_nightly=is_nightly)

    def save(self) -> dict[str, keeping.TableSaved]:
        """Save; what was done, by table."""
        return {saved.table: saved for saved in keeping.save(self.settings, self.catalog)}

    def unsaved(self, table: str = "watch_gains") -> set[date]:
        """The marked days of a table."""
        return {row[0] for row in _fetch(self.settings, f"select day_on from ops.unsaved_days where table_name = '{table}'")}

    @property
    def store(self) -> Store:
        return Store(self.settings, is_ledger=True)


@pytest.fixture(scope="module")
def kept(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """A small platform after a first run and two later ones. Tests let it live on; what they change by hand they put back."""
    name = f"kept_{uuid.uuid4().hex[:12]}"
    bucket = name.replace("_", "-")
    world.objectstore.client().create_bucket(Bucket=bucket)
    values = world.environment() | {"database_url": world.create_database(name), "s3_bucket": bucket, "ledger_bucket": bucket}
    settings = Settings(_env_file=None, local_dir=tmp_path_factory.mktemp("kept"), **values)  # pyrefly: ignore
    found = Kept(settings, load_catalog(), START)
    warehouse.init_db(settings)
    with warehouse.connect(settings) as connection:
        demo.load(connection, demo.DemoPlan(creators=4, students=150, seed=5, days=40, as_of=START), _silent)
    steps.run(settings, found.catalog, START)
    found.live_on(5)
    found.live_on(2)
    yield found
    world.drop_database(name)


@pytest.fixture
def fresh(world: World, kept: Kept) -> Iterator[Settings]:
    """Settings of an empty database that reads the same source and has the same buckets: after a loss."""
    name = f"fresh_{uuid.uuid4().hex[:12]}"
    values = {field: getattr(kept.settings, field) for field in Settings.model_fields}
    values |= {"database_url": SecretStr(world.create_database(name)), "source_url": kept.settings.database_url}
    made = Settings(_env_file=None, **values)  # pyrefly: ignore
    warehouse.init_db(made)
    yield made
    world.drop_database(name)


def _objects(store: Store) -> dict[str, str]:
    """Digest of each object, by key."""
    found = {}
    for key in store.keys(prefix=""):
        with tempfile.TemporaryFile() as file:
            store.get_file(key, file)
            found[key] = hashlib.sha256(file.read()).hexdigest()
    return found


def _written_at(settings: Settings, world: World) -> dict[str, datetime]:
    pages = world.objectstore.client().get_paginator("list_objects_v2").paginate(Bucket=settings.ledger_bucket)
    return {item["Key"]: item["LastModified"] for page in pages for item in page.get("Contents", [])}


def _rows(settings: Settings, table: KeptTable, condition: str = "true") -> list[tuple]:
    return _fetch(settings, f"select * from {table.schema}.{table.name} where {condition} order by {', '.join(table.key)}")


def _tables(settings: Settings, catalog: Catalog) -> dict[str, list[tuple]]:
    """Everything that readers see and everything that is kept, row by row, as text."""
    names = [f"analytics.{name}" for name in catalog.marts]
    names += [f"{table.schema}.{table.name}" for table in (*keeping.SMALL, *keeping.day_tables(catalog))]
    return {name: _fetch(settings, f"select t::text from {name} as t order by 1") for name in names}


def _assert_same(one: dict[str, list[tuple]], other: dict[str, list[tuple]]) -> None:
    assert one.keys() == other.keys()
    for name, rows in one.items():
        assert rows == other[name], name


def test_each_day_is_an_object_that_holds_its_rows(kept: Kept) -> None:
    kept.save()
    for table in keeping.day_tables(kept.catalog):
        days = dict(_fetch(kept.settings, f"select {table.day().as_string()}, count(*) from {table.schema}.{table.name} group by 1"))
        assert set(kept.store.keys(f"{table.name}/")) == {f"{table.name}/{day}.parquet" for day in days}
        for day, count in days.items():
            with tempfile.TemporaryFile() as file:
                assert kept.store.get_file(table.object_key(day), file)
                found = pq.read_table(file)
            assert found.num_rows == count
            keys = _fetch(
                kept.settings,
                f"select {table.key[0]}::text from {table.schema}.{table.name} where {table.of_day(day).as_string()} order by {', '.join(table.key)}",
            )
            assert [row[0] for row in keys] == found.column(table.key[0]).to_pylist()
    index = saved_index.read(kept.store)
    assert index is not None
    assert sum(index.counts["watch_gains"].values()) == _fetch(kept.settings, "select count(*) from raw.watch_gains")[0][0]
    assert _fetch(kept.settings, "select * from ops.unsaved_days union all select * from ops.days_being_saved") == []


def test_only_days_whose_rows_changed_are_written_again(kept: Kept, world: World) -> None:
    kept.save()
    before = _written_at(kept.settings, world)
    time.sleep(1.1)  # the store tells seconds
    kept.live_on(4)
    run = f"booked_as_of = '{kept.as_of.isoformat()}'"
    gains = {
        row[0] for row in _fetch(kept.settings, f"select distinct (observed_at at time zone 'UTC')::date from raw.watch_gains where {run}")
    }
    assert kept.unsaved() == gains != set()
    assert kept.unsaved("tier_transitions") == {kept.as_of.date()}
    days = kept.unsaved("int_student_days")
    assert days
    assert days <= {kept.as_of.date() + timedelta(days=number) for number in (-1, 0, 1)}
    done = kept.save()
    after = _written_at(kept.settings, world)
    rewritten = {key for key in after if before.get(key) != after[key] and "/" in key}
    wanted = {f"watch_gains/{day}.parquet" for day in gains} | {f"int_student_days/{day}.parquet" for day in days}
    assert rewritten == wanted | {f"tier_transitions/{kept.as_of.date()}.parquet"}
    assert done["watch_gains"].written_count == len(gains)
    assert done["creator_zones"].written_count == 1


def test_a_late_row_writes_its_day_again_and_the_same_rows_give_the_same_bytes(kept: Kept) -> None:
    kept.save()
    before = _objects(kept.store)
    old = kept.as_of.date() - timedelta(days=12)
    pair = _fetch(
        kept.settings,
        """select s.id, v.id from app.students s join app.videos v using (creator_id)
           where not exists (select from app.video_progress p where p.student_id = s.id and p.video_id = v.id) order by 1, 2 limit 1""",
    )[0]
    _execute(
        kept.settings,
        f"""insert into app.video_progress (student_id, video_id, watch_time_seconds, completion_percentage, created_at, updated_at)
            values ('{pair[0]}', '{pair[1]}', 60, 10, '{old} 12:00', '{old} 12:00')""",
    )
    steps.run(kept.settings, kept.catalog, kept.as_of, is_nightly=True)
    assert old in kept.unsaved()
    kept.save()
    after = _objects(kept.store)
    assert before[f"watch_gains/{old}.parquet"] != after[f"watch_gains/{old}.parquet"]
    for key in after:
        kept.store.delete(key)
    kept.save()  # what the bucket lacks is written, marked or not
    again = _objects(kept.store)
    assert again.keys() == after.keys()
    assert [key for key in after if again[key] != after[key]] == [saved_index.KEY]


def test_a_row_that_commits_while_a_save_runs_is_not_lost(kept: Kept) -> None:
    kept.save()
    day = _fetch(kept.settings, "select max((observed_at at time zone 'UTC')::date) from raw.watch_gains")[0][0]
    copied = "select student_id, video_id, booked_no + 1000, creator_id, observed_at"
    rest = [
        row[0]
        for row in _fetch(
            kept.settings,
            "select attname::text from pg_attribute where attrelid = 'raw.watch_gains'::regclass and attnum > 5 order by attnum",
        )
    ]
    insert = f"insert into raw.watch_gains {copied}, {', '.join(rest)} from raw.watch_gains where (observed_at at time zone 'UTC')::date = '{day}' limit 1"
    done = threading.Event()
    saving = threading.Thread(target=lambda: (kept.save(), done.set()))
    with warehouse.connect(kept.settings) as writer:
        writer.execute(insert.encode())
        # Another run marked the day before, so the writer's own mark changes nothing; the save must wait for it all the same.
        _execute(kept.settings, f"insert into ops.unsaved_days values ('watch_gains', '{day}')")
        writer.execute("insert into ops.unsaved_days values ('watch_gains', %s) on conflict do nothing", (day,))
        saving.start()
        assert not done.wait(1)
        writer.commit()
    saving.join(60)
    assert done.is_set()
    with tempfile.TemporaryFile() as file:
        kept.store.get_file(f"watch_gains/{day}.parquet", file)
        assert max(pq.read_table(file).column("booked_no").to_pylist()) > 1000
    _execute(kept.settings, "delete from raw.watch_gains where booked_no > 1000")
    _execute(kept.settings, f"insert into ops.unsaved_days values ('watch_gains', '{day}')")


def test_a_save_that_was_stopped_is_finished_by_the_next(kept: Kept) -> None:
    kept.save()
    kept.live_on(1)
    days = kept.unsaved()
    with pytest.raises(Problem, match="no such bucket; create it or set LEDGER_BUCKET"):
        keeping.save(kept.settings.model_copy(update={"ledger_bucket": "not-there"}), kept.catalog)
    assert kept.unsaved() == days != set()
    with warehouse.connect(kept.settings, autocommit=True) as notes:
        keeping._take_days(notes, ["watch_gains"])  # and killed here
    assert kept.save()["watch_gains"].written_count == len(days)


def test_a_day_without_rows_has_no_object(kept: Kept) -> None:
    kept.save()
    day = _fetch(kept.settings, "select min(activity_on) from intermediate.int_student_days")[0][0]
    _execute(kept.settings, f"create table public.aside as select * from intermediate.int_student_days where activity_on = '{day}'")
    _execute(kept.settings, f"delete from intermediate.int_student_days where activity_on = '{day}'")
    _execute(kept.settings, f"insert into ops.unsaved_days values ('int_student_days', '{day}')")
    assert kept.save()["int_student_days"] == keeping.TableSaved("int_student_days", deleted_count=1)
    assert f"int_student_days/{day}.parquet" not in kept.store.keys("int_student_days")
    index = saved_index.read(kept.store)
    assert index is not None and day not in index.counts["int_student_days"]
    _execute(kept.settings, "insert into intermediate.int_student_days select * from public.aside")
    assert kept.save()["int_student_days"].written_count == 1  # the bucket lacks it


def test_a_save_with_nothing_changed_writes_no_day(kept: Kept) -> None:
    kept.save()
    before = _objects(kept.store)
    done = kept.save()
    assert {name: saved.written_count for name, saved in done.items() if saved.written_count} == {table.name: 1 for table in keeping.SMALL}
    after = _objects(kept.store)
    assert {key for key in after if after[key] != before.get(key)} == {saved_index.KEY}


def test_a_day_whose_rows_are_not_those_of_the_index_is_written_without_a_mark(kept: Kept) -> None:
    kept.save()
    day, count = _fetch(
        kept.settings, "select activity_on, count(*) from intermediate.int_student_days group by 1 order by 2 desc limit 1"
    )[0]
    _execute(
        kept.settings, f"create table public.unmarked as select * from intermediate.int_student_days where activity_on = '{day}' limit 1"
    )
    _execute(
        kept.settings,
        "delete from intermediate.int_student_days d using public.unmarked u where (d.student_id, d.activity_on) = (u.student_id, u.activity_on)",
    )
    assert kept.save()["int_student_days"] == keeping.TableSaved("int_student_days", 1, count - 1)
    _execute(kept.settings, "insert into intermediate.int_student_days select * from public.unmarked")
    assert kept.save()["int_student_days"] == keeping.TableSaved("int_student_days", 1, count)


def test_a_database_or_bucket_from_a_backup_is_saved_whole(kept: Kept) -> None:
    """Marks know only what changed since the last save of this database to this bucket."""
    kept.save()
    wanted = _objects(kept.store)
    keys = [key for key in wanted if key.startswith("int_student_days/")]
    with tempfile.TemporaryFile() as file:
        kept.store.get_file(keys[0], file)
        kept.store.put_file(keys[-1], file)  # what this day was once
    index = saved_index.read(kept.store)
    assert index is not None
    kept.store.delete(saved_index.KEY)
    saved_index.write(kept.store, saved_index.SavedIndex("of another save", index.counts))
    assert kept.save()["int_student_days"].written_count == len(keys)
    after = _objects(kept.store)
    assert {key for key in after if after[key] != wanted.get(key)} == {saved_index.KEY}


@pytest.mark.parametrize("place", ["begin", "index", "finish"])
def test_killed_around_the_index_the_next_save_goes_on_and_does_not_begin_again(kept: Kept, place: str) -> None:
    kept.save()
    index = saved_index.read(kept.store)
    assert index is not None
    with warehouse.connect(kept.settings, autocommit=True) as notes:  # what a save does, up to the place where it was killed
        save_id, is_own = saved_index.begin(notes, index)
        assert is_own
        if place != "begin":
            saved_index.write(kept.store, saved_index.SavedIndex(save_id, index.counts))
        if place == "finish":
            saved_index.finish(notes, save_id)
    done = kept.save()
    assert {name for name, saved in done.items() if saved.written_count} == {table.name for table in keeping.SMALL}


def test_a_bucket_is_never_overwritten_with_another_ledger(kept: Kept, fresh: Settings) -> None:
    assert keeping.save(fresh, kept.catalog) == []
    kept.save()
    before = _objects(kept.store)
    steps.run(fresh, kept.catalog, kept.as_of)
    with pytest.raises(Problem, match="holds the ledger of another database, so nothing was saved"):
        keeping.save(fresh, kept.catalog)
    assert _objects(kept.store) == before


def test_a_lost_database_comes_back_and_goes_on_as_if_nothing_had_happened(kept: Kept, fresh: Settings) -> None:
    kept.live_on(2, is_nightly=True)
    kept.save()
    before = _tables(kept.settings, kept.catalog)
    assert sum(row[0] for row in _fetch(kept.settings, "select watch_seconds from analytics.daily_activity")) > 0, "no history to lose"
    restored = {item.table: item.row_count for item in restoration.restore(fresh, kept.catalog)}
    assert restored["watch_gains"] == len(before["raw.watch_gains"])
    assert _fetch(fresh, "select * from ops.unsaved_days") == []
    steps.run(fresh, kept.catalog, kept.as_of)
    _assert_same(_tables(fresh, kept.catalog), before)
    kept.live_on(3, is_nightly=True)
    steps.run(fresh, kept.catalog, kept.as_of, is_nightly=True)
    _assert_same(_tables(fresh, kept.catalog), _tables(kept.settings, kept.catalog))
    assert keeping.save(fresh, kept.catalog)  # it is the same ledger, so the bucket is its own


def test_a_ledger_is_replaced_only_by_force(kept: Kept, fresh: Settings) -> None:
    kept.live_on(1, is_nightly=True)
    kept.save()
    before = _tables(kept.settings, kept.catalog)
    steps.run(fresh, kept.catalog, kept.as_of)
    wrong = _tables(fresh, kept.catalog)
    assert wrong["raw.watch_gains"] != before["raw.watch_gains"]
    with pytest.raises(Problem, match=r"this database has a ledger already .* --force"):
        restoration.restore(fresh, kept.catalog)
    _assert_same(_tables(fresh, kept.catalog), wrong)
    restoration.restore(fresh, kept.catalog, is_forced=True)
    steps.run(fresh, kept.catalog, kept.as_of)
    _assert_same(_tables(fresh, kept.catalog), before)


def test_nothing_is_half_restored(kept: Kept, fresh: Settings, bucket: str) -> None:
    with pytest.raises(Problem, match=r"holds no saved ledger .* check LEDGER_BUCKET"):
        restoration.restore(fresh.model_copy(update={"ledger_bucket": bucket}), kept.catalog)
    kept.save()
    last = kept.store.keys("tier_transitions/")[-1]
    kept.store.delete(last)
    with pytest.raises(Problem, match=f"lacks {re.escape(last)}, which its index names"):
        restoration.restore(fresh, kept.catalog)
    assert _fetch(fresh, "select count(*) from raw.watch_gains") == [(0,)]
    assert _fetch(fresh, "select count(*) from raw.ledger_opening") == [(0,)]
    kept.save()


def test_an_erased_student_does_not_come_back(kept: Kept, fresh: Settings) -> None:
    kept.save()
    student = _fetch(kept.settings, "select student_id from raw.watch_gains order by booked_no desc, student_id limit 1")[0][0]
    digest = erasure.DIGEST.format(f"'{student}'")
    _execute(kept.settings, f"insert into ops.erasures values ({digest}, now())")
    kept.save()  # the erasure reaches the bucket; the days still name the student
    said: list[str] = []
    restored = {item.table: item.row_count for item in restoration.restore(fresh, kept.catalog, say=said.append)}
    assert "1 students who were erased stand under random ids again" in said
    for table in keeping.day_tables(kept.catalog):
        name = f"{table.schema}.{table.name}"
        assert _fetch(fresh, f"select count(*) from {name} where student_id = '{student}'") == [(0,)]
        assert _fetch(fresh, f"select count(*) from {name}") == [(restored[table.name],)]
        days = {
            row[0] for row in _fetch(kept.settings, f"select distinct {table.day().as_string()} from {name} where student_id = '{student}'")
        }
        marked = {row[0] for row in _fetch(fresh, f"select day_on from ops.unsaved_days where table_name = '{table.name}'")}
        assert marked == days != set()
    _execute(kept.settings, "delete from ops.erasures")


def test_daily_saves_and_the_command_line_restores(platform: Platform, world: World) -> None:
    platform.spare_dbt()
    platform.succeed("load", "demo", "--creators", "3", "--students", "60", "--days", "30", "--seed", "9", "--as-of", "2026-03-02T02:00Z")
    platform.succeed("run", "daily", "--as-of", "2026-03-02T03:00Z")
    assert platform.fetch("select * from ops.unsaved_days") == []
    table = "select d::text from analytics.daily_activity d order by 1"
    before = platform.fetch(table)
    refused = platform.run("restore-ledger")
    assert refused.returncode == 1
    assert refused.stderr.strip().startswith("creator-reports: this database has a ledger already")
    name = f"lost_{uuid.uuid4().hex[:12]}"
    try:
        lost = {"DATABASE_URL": world.create_database(name), "SOURCE_URL": platform.environment["DATABASE_URL"]}
        printed = platform.succeed("restore-ledger", **lost)
        assert printed.splitlines()[0].split() == ["table", "objects", "rows"]
        platform.succeed("run", "hourly", "--as-of", "2026-03-02T03:00Z", **lost)
        with psycopg.connect(lost["DATABASE_URL"]) as connection:
            assert connection.execute(table.encode()).fetchall() == before
    finally:
        world.drop_database(name)
