"""Publishing: one transaction, only audited marts, additive changes, rows behind row security."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest

from pipelines import migration, publish, published_tables, warehouse
from pipelines.catalog import Mart, MartColumn, load_catalog
from pipelines.problem import Problem
from pipelines.settings import Settings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN, BOB = UUID(int=1), UUID(int=2)
COLUMNS = (
    MartColumn("creator_id", "uuid", "Whose row.", "Creator", None),
    MartColumn("thing_id", "text", "Which thing.", "Thing", None),
    MartColumn("share_rate", "numeric(5,4)", "A rate.", "Share", "rate"),
)
MART = Mart("things", "Things", "One row per thing; it's a test.", COLUMNS, ("thing_id",), ("thing_id",), touch_key=("creator_id",))


def _silent(line: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def prepared(settings: Settings) -> Settings:
    warehouse.init_db(settings)
    with warehouse.connect(settings) as connection:
        connection.execute("create table marts.things (creator_id uuid not null, thing_id text primary key, share_rate numeric(5,4))")
    return settings


def _fill(settings: Settings, rows: list[tuple[UUID, str, float | None]]) -> None:
    with warehouse.connect(settings) as connection:
        connection.execute("truncate marts.things")
        connection.cursor().executemany("insert into marts.things values (%s, %s, %s)", rows)


def _publish(
    settings: Settings, mart: Mart = MART, as_of: datetime = NOON, state: str = "audited", touched: tuple[UUID, ...] | None = None
) -> publish.TablePublished:
    """Publish everything, or what is `touched`."""
    guard = warehouse.RunGuard(settings)
    try:
        run = guard.enter(warehouse.Run("run", "hourly", as_of), _silent)
        with warehouse.connect(settings) as connection:
            connection.execute(
                "update ops.build set state = %s, built_run_id = 'run', built_as_of = %s, complete_through = %s", (state, as_of, as_of)
            )
            for key in touched or ():
                connection.execute("insert into ops.touched (table_name, key_id) values ('things', %s)", (key,))
        return publish.publish(settings, [mart], run, "code", is_nightly=touched is None, say=_silent)[0]
    finally:
        guard.leave()


def _fetch(settings: Settings, query: str, role: str | None = None, creator: str | None = None) -> list[tuple]:
    with warehouse.connect(settings) as connection:
        if role:
            warehouse.set_role(connection, role)
        if creator is not None:
            connection.execute("select set_config('ops.render_creator', %s, true)", (creator,))
        return connection.execute(query.encode()).fetchall()


def test_rows_are_merged_and_only_what_differs_is_written(prepared: Settings) -> None:
    _fill(prepared, [(ANN, "a", 0.5), (ANN, "b", None), (BOB, "c", 1)])
    assert _publish(prepared) == publish.TablePublished("things", 3, 0, 3)
    versions = _fetch(prepared, "select thing_id, xmin::text from analytics.things order by 1", "bi_reader")
    assert _publish(prepared) == publish.TablePublished("things", 0, 0, 3)
    assert _fetch(prepared, "select thing_id, xmin::text from analytics.things order by 1", "bi_reader") == versions
    _fill(prepared, [(ANN, "a", 0.5), (ANN, "b", 0.25)])
    assert _publish(prepared, as_of=NOON + timedelta(hours=1)) == publish.TablePublished("things", 1, 1, 2)


def test_only_touched_keys_are_looked_at(prepared: Settings) -> None:
    _fill(prepared, [(ANN, "a", 0.5), (BOB, "b", 0.5), (BOB, "c", 0.5)])
    _publish(prepared)
    _fill(prepared, [(ANN, "a", 0.25), (BOB, "b", 0.25)])
    assert _publish(prepared, touched=()) == publish.TablePublished("things", 0, 0, None)
    assert _publish(prepared, touched=(BOB,)) == publish.TablePublished("things", 1, 1, None)
    rows = [("a", Decimal("0.5000")), ("b", Decimal("0.2500"))]
    assert _fetch(prepared, "select thing_id, share_rate from analytics.things order by 1", "bi_reader") == rows
    assert _fetch(prepared, "select * from ops.touched") == []


@pytest.mark.parametrize("touched", [None, (ANN, BOB)])
def test_rows_that_are_as_they_were_are_not_even_locked(prepared: Settings, touched: tuple[UUID, ...] | None) -> None:
    """A lock is a write: it stands in the row and in the server's log."""
    _fill(prepared, [(ANN, "a", 0.5), (ANN, "b", None), (BOB, "c", 1)])
    _publish(prepared)
    _fill(prepared, [(ANN, "a", 0.5), (ANN, "b", None), (BOB, "c", 0.25)])
    assert _publish(prepared, touched=touched).written_count == 1
    assert _fetch(prepared, "select thing_id, xmax::text from analytics.things where thing_id < 'c' order by 1", "bi_reader") == [
        ("a", "0"),
        ("b", "0"),
    ]


@pytest.mark.parametrize("name", [name for name, mart in load_catalog().marts.items() if mart.touch_key])
def test_rows_of_touched_keys_are_found_by_an_index(name: str) -> None:
    catalog = load_catalog()
    mart, model = catalog.marts[name], catalog.models[name]
    published = ["creator_id", mart.primary_key[0], *(index.split()[0].strip(",") for index in mart.indexes)]
    assert mart.touch_key[0] in published
    assert mart.touch_key[0] in [model.grain[0], *(columns[0] for columns in model.indexes)]


def test_creators_whom_a_failed_check_names_keep_their_rows_and_their_keys_stay_touched(prepared: Settings) -> None:
    _fill(prepared, [(ANN, "a", 0.5), (BOB, "b", 0.5)])
    _publish(prepared)
    with warehouse.connect(prepared) as connection:
        connection.execute("insert into ops.gates values (%s, 'check failed: x', now()), (%s, 'bad rows: y', now())", (ANN, BOB))
    _fill(prepared, [(ANN, "a", 0.25), (BOB, "b", 0.25)])
    assert _publish(prepared, touched=(ANN, BOB)).written_count == 1
    assert _fetch(prepared, "select key_id from ops.touched") == [(ANN,)]
    with warehouse.connect(prepared) as connection:
        connection.execute("delete from ops.gates")
    assert _publish(prepared, touched=()).written_count == 1
    assert _fetch(prepared, "select distinct share_rate from analytics.things", "bi_reader") == [(Decimal("0.2500"),)]
    assert _fetch(prepared, "select * from ops.touched") == []


@pytest.mark.parametrize("touched", [None, (ANN, BOB)])
def test_what_went_to_a_creator_who_is_held_back_leaves_the_one_it_was_of(prepared: Settings, touched: tuple[UUID, ...] | None) -> None:
    _fill(prepared, [(ANN, "a", 0.5), (ANN, "b", 0.5), (BOB, "c", 0.5)])
    _publish(prepared)
    with warehouse.connect(prepared) as connection:
        connection.execute("insert into ops.gates values (%s, 'check failed: x', now())", (BOB,))
    _fill(prepared, [(ANN, "a", 0.5), (BOB, "b", 0.5), (BOB, "c", 0.25)])
    _publish(prepared, touched=touched)
    rows = "select creator_id, thing_id, share_rate from analytics.things order by 2"
    half = Decimal("0.5000")
    assert _fetch(prepared, rows, "bi_reader") == [(ANN, "a", half), (BOB, "c", half)]
    with warehouse.connect(prepared) as connection:
        connection.execute("delete from ops.gates")
    _publish(prepared, touched=touched and ())  # the key of who was held back stayed
    assert _fetch(prepared, rows, "bi_reader") == [(ANN, "a", half), (BOB, "b", half), (BOB, "c", Decimal("0.2500"))]


@pytest.mark.parametrize("state", ["empty", "building", "built"])
def test_marts_that_are_not_audited_stay_private(prepared: Settings, state: str) -> None:
    _fill(prepared, [(ANN, "a", 0.5)])
    with pytest.raises(Problem, match="not audited"):
        _publish(prepared, state=state)
    assert _fetch(prepared, "select * from analytics.things", "bi_reader") == []
    assert _fetch(prepared, "select * from analytics.published") == []


def test_an_earlier_instant_is_refused(prepared: Settings) -> None:
    _fill(prepared, [(ANN, "a", 0.5)])
    _publish(prepared)
    with pytest.raises(Problem, match="is earlier and is not published"):
        _publish(prepared, as_of=NOON - timedelta(hours=1))


def test_published_says_what_the_rows_are_of(prepared: Settings) -> None:
    _publish(prepared)
    assert _fetch(prepared, "select * from analytics.published") == [("things", NOON, NOON, "run", "code")]


def test_a_renderer_sees_its_creator_only_and_nobody_without_one(prepared: Settings) -> None:
    _fill(prepared, [(ANN, "a", 0.5), (BOB, "b", 0.5)])
    _publish(prepared)
    query = "select thing_id from analytics.things"
    assert _fetch(prepared, query, "report_renderer", str(ANN)) == [("a",)]
    for nobody in (None, "", "nonsense", "' or true --", str(UUID(int=3))):
        assert _fetch(prepared, query, "report_renderer", nobody) == []
    assert len(_fetch(prepared, query, "bi_reader")) == 2
    assert _fetch(prepared, query, "analytics_owner") == []


@pytest.mark.parametrize("role", ["report_renderer", "bi_reader"])
def test_readers_cannot_write(prepared: Settings, role: str) -> None:
    _publish(prepared)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _fetch(prepared, "delete from analytics.things returning 1", role)


def test_comments_come_from_the_contract(prepared: Settings) -> None:
    _publish(prepared)
    query = "select obj_description('analytics.things'::regclass), col_description('analytics.things'::regclass, 3)"
    assert _fetch(prepared, query) == [("One row per thing; it's a test.", "A rate.")]
    _publish(prepared, replace(MART, description="Changed."))
    assert _fetch(prepared, query) == [("Changed.", "A rate.")]


def test_a_new_column_is_added_and_views_of_others_survive(prepared: Settings) -> None:
    _fill(prepared, [(ANN, "a", 0.5)])
    _publish(prepared)
    with warehouse.connect(prepared) as connection:
        connection.execute("create view public.mine as select * from analytics.things")
        connection.execute("alter table marts.things add column note text default 'n'")
    wider = replace(MART, columns=(*COLUMNS, MartColumn("note", "text", "A note.", "Note", None)))
    assert _publish(prepared, wider).written_count == 1
    assert _fetch(prepared, "select note from analytics.things", "bi_reader") == [("n",)]
    assert _fetch(prepared, "select count(*) from public.mine") == [(1,)]


@pytest.mark.parametrize("done", ["drop table analytics.things cascade", "alter table analytics.things drop column share_rate cascade"])
def test_what_was_dropped_by_hand_is_there_with_all_rows_after_the_next_publish(prepared: Settings, done: str) -> None:
    """Whatever that run touched: a table with holes must not pass for a published one."""
    _fill(prepared, [(ANN, "a", 0.5), (BOB, "b", 0.25)])
    _publish(prepared)
    with warehouse.connect(prepared) as connection:
        connection.execute("insert into ops.models (model_name, version, is_published) values ('things', 'v', true)")
        warehouse.set_role(connection, "analytics_owner")
        connection.execute(done.encode())
    assert _publish(prepared, touched=()).written_count == 2
    rows = [("a", Decimal("0.5000")), ("b", Decimal("0.2500"))]
    for schema, role in (("analytics", "bi_reader"), ("analytics_deidentified", "bi_reader_deidentified")):
        assert _fetch(prepared, f"select thing_id, share_rate from {schema}.things order by 1", role) == rows
    assert _publish(prepared, touched=()).written_count == 0
    assert _fetch(prepared, "select is_published from ops.models") == [(True,)]


@pytest.mark.parametrize(
    "done",
    [
        "drop index analytics.things_by_share_rate",
        "comment on table analytics.things is 'Something else.'",
        "comment on column analytics.things.share_rate is null",
        "revoke select on analytics.things from creator_reader",
        "revoke select (share_rate) on analytics.things from bi_reader_deidentified",
        "drop view analytics_deidentified.things",
        "alter table analytics.things alter column creator_id set statistics 100",
        "alter table analytics.things alter column creator_id drop not null",
    ],
)
def test_nothing_is_asked_while_all_is_as_it_was_left_and_what_changed_is_made_anew(
    prepared: Settings, monkeypatch: pytest.MonkeyPatch, done: str
) -> None:
    columns = (replace(COLUMNS[0], is_required=True), *COLUMNS[1:])
    mart = replace(MART, columns=columns, indexes=("share_rate",))
    _fill(prepared, [(ANN, "a", 0.5)])
    _publish(prepared, mart)
    with warehouse.connect(prepared, autocommit=True) as connection:
        left = connection.execute("select shape from ops.build").fetchone()
        with monkeypatch.context() as patch:
            patch.setattr(published_tables, "_make_table", None)  # would fail if it were called
            published_tables.make(prepared, [mart])
        connection.execute("set role analytics_owner")
        connection.execute(done.encode())
        connection.execute("reset role")
        published_tables.make(prepared, [mart])
        assert connection.execute("select shape from ops.build").fetchone() == left
        row = connection.execute("select has_table_privilege('creator_reader', 'analytics.things', 'select')").fetchone()
        assert row == (True,)


def test_indexes_for_readers_come_from_the_contract(prepared: Settings) -> None:
    """A table that is there gets an index that its contract gained, loses one that it no longer names, and keeps those that others made."""
    _publish(prepared)
    with warehouse.connect(prepared) as connection:
        warehouse.set_role(connection, "analytics_owner")
        connection.execute("create index mine on analytics.things (share_rate)")
    _publish(prepared, replace(MART, indexes=("share_rate, creator_id",)))
    for _ in range(2):
        _publish(prepared, replace(MART, indexes=("creator_id, share_rate desc nulls last", "creator_id include share_rate")))
    rows = _fetch(prepared, "select indexname, indexdef from pg_indexes where tablename = 'things' and schemaname = 'analytics' order by 1")
    assert [name for name, _ in rows] == [
        "mine", "things_by_creator_id_include_share_rate", "things_by_creator_id_share_rate_desc_nulls_last", "things_creator_id_idx", "things_pkey",
    ]  # fmt: skip
    assert rows[1][1].endswith("(creator_id) INCLUDE (share_rate)")
    assert rows[2][1].endswith("(creator_id, share_rate DESC NULLS LAST)")


def test_a_change_that_would_break_readers_stops_in_words(prepared: Settings) -> None:
    _publish(prepared)
    with pytest.raises(Problem, match=r"share_rate is published as numeric.* no longer has it.*creator-reports migrate"):
        _publish(prepared, replace(MART, columns=COLUMNS[:2]))
    retyped = (*COLUMNS[:2], MartColumn("share_rate", "text", "A rate.", "Share", None))
    with pytest.raises(Problem, match=r"share_rate is published as numeric\(5,4\), the contract says text"):
        _publish(prepared, replace(MART, columns=retyped))


def test_a_reader_that_holds_the_table_does_not_stop_rows_but_only_ddl(prepared: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(prepared, [(ANN, "a", 0.5)])
    _publish(prepared)
    monkeypatch.setattr(published_tables, "_LOCK_TRIES", 2)
    with warehouse.connect(prepared) as reader:
        warehouse.set_role(reader, "bi_reader")
        reader.execute("select * from analytics.things")
        _fill(prepared, [(ANN, "a", 0.75)])
        assert _publish(prepared).written_count == 1
        with warehouse.connect(prepared) as connection:
            connection.execute("alter table marts.things add column note text")
        wider = replace(MART, columns=(*COLUMNS, MartColumn("note", "text", "A note.", "Note", None)))
        with pytest.raises(Problem, match="a reader holds a table of analytics"):
            _publish(prepared, wider)


def test_a_breaking_change_is_made_when_a_person_says_so_and_nobody_uses_the_column(prepared: Settings) -> None:
    _fill(prepared, [(ANN, "a", 0.5)])
    _publish(prepared)
    retyped = replace(MART, columns=(*COLUMNS[:2], MartColumn("share_rate", "text", "A rate.", "Share", None)))
    with warehouse.connect(prepared) as connection:
        warehouse.set_role(connection, "analytics_owner")
        connection.execute("create view analytics.of_a_tool as select share_rate from analytics.things")
    (shown,) = migration.migrate(prepared, [retyped], is_applied=False)
    assert (shown.column, shown.found, shown.wanted) == ("share_rate", "numeric(5,4)", "text")
    assert shown.views == ("analytics.of_a_tool", "analytics_deidentified.things")
    with pytest.raises(Problem, match=r"things\.share_rate is used by analytics\.of_a_tool; change or drop that view"):
        migration.migrate(prepared, [retyped], is_applied=True)
    with warehouse.connect(prepared) as connection:
        warehouse.set_role(connection, "analytics_owner")
        connection.execute("drop view analytics.of_a_tool")
    assert len(migration.migrate(prepared, [retyped], is_applied=True)) == 1
    assert migration.migrate(prepared, [retyped], is_applied=True) == []
    assert _fetch(prepared, "select share_rate from analytics.things", "bi_reader") == [("0.5000",)]
    with warehouse.connect(prepared) as connection:
        connection.execute("alter table marts.things alter share_rate type text using 'half'")
    assert _publish(prepared, retyped).written_count == 1
    assert _fetch(prepared, "select share_rate from analytics_deidentified.things", "bi_reader_deidentified") == [("half",)]
    with pytest.raises(Problem, match="holds values that are no integer"):
        migration.migrate(prepared, [replace(MART, columns=(*COLUMNS[:2], replace(COLUMNS[2], data_type="integer")))], is_applied=True)
    migration.migrate(prepared, [replace(MART, columns=COLUMNS[:2])], is_applied=True)
    assert _publish(prepared, replace(MART, columns=COLUMNS[:2])).row_count == 1


def test_a_required_column_is_not_null_once_its_rows_have_values(prepared: Settings) -> None:
    """Not before: a creator who is held back keeps rows without the value."""
    asked = "select attnotnull from pg_attribute where attrelid = 'analytics.things'::regclass and attname = 'note'"
    required = replace(MART, columns=(*COLUMNS, MartColumn("note", "text", "A note.", "Note", None, is_required=True)))
    _fill(prepared, [(ANN, "a", 0.5)])
    _publish(prepared)
    with warehouse.connect(prepared) as connection:
        connection.execute("alter table marts.things add column note text")
    for value, is_required in ((None, False), ("n", False), ("n", True)):
        with warehouse.connect(prepared) as connection:
            connection.execute("update marts.things set note = %s", (value,))
        _publish(prepared, required)
        assert _fetch(prepared, asked) == [(is_required,)], value
    with warehouse.connect(prepared) as connection:
        connection.execute("update marts.things set note = null")
    with pytest.raises(psycopg.errors.NotNullViolation):
        _publish(prepared, required)


@pytest.mark.parametrize(
    ("there", "left", "stops"),
    [(100, 80, False), (100, 79, True), (19, 0, False), (20, 0, True), (200, 0, True), (1000, 981, False)],
)
def test_a_table_that_would_lose_many_rows_is_not_published_without_a_flag(prepared: Settings, there: int, left: int, stops: bool) -> None:
    _fill(prepared, [(ANN, f"{number:04}", None) for number in range(there)])
    _publish(prepared)
    _fill(prepared, [(ANN, f"{number:04}", None) for number in range(left)])
    if stops:
        with pytest.raises(
            Problem, match=rf"analytics\.things would lose {there - left} of its {there:,} rows, more than 20%.*--accept-losses"
        ):
            _publish(prepared)
        assert _fetch(prepared, "select count(*) from analytics.things", "bi_reader") == [(there,)]
        assert _publish(prepared, replace(MART, max_loss_rate=1.0)).removed_count == there - left
    else:
        assert _publish(prepared).removed_count == there - left


def test_rows_that_make_room_for_others_are_no_loss(prepared: Settings) -> None:
    _fill(prepared, [(ANN, f"{number:04}", None) for number in range(100)])
    _publish(prepared)
    _fill(prepared, [(ANN, f"{number:04}", None) for number in range(90, 180)])
    assert _publish(prepared).removed_count == 90
