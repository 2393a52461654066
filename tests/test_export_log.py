"""The audit log: append-only, one end per start, no start without an end for long."""

import time
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import psycopg
import pytest

from pipelines import export_log, warehouse
from pipelines.settings import Settings

CREATOR = str(UUID(int=1))


def _entry(event: str, number: int = 1, run_id: str = "run") -> export_log.Entry:
    return export_log.Entry(
        export_id=UUID(int=number),
        event=event,
        run_id=run_id,
        requested_by="test",
        creator_id=CREATOR,
        report="students",
        format="csv",
        edition_on=date(2026, 3, 1),
        as_of=datetime(2026, 3, 1, 3, tzinfo=UTC),
    )


@pytest.fixture
def connection(settings: Settings) -> psycopg.Connection:
    warehouse.init_db(settings)
    connection = warehouse.connect(settings, autocommit=True)
    yield connection
    connection.close()


@pytest.mark.parametrize("statement", ["update ops.export_log set reason = 'x'", "delete from ops.export_log", "truncate ops.export_log"])
def test_nobody_rewrites_the_log(connection: psycopg.Connection, statement: str) -> None:
    export_log.record(connection, _entry("started"))
    with pytest.raises(psycopg.Error, match="append-only"):
        connection.execute(statement.encode())
    connection.execute("set role publisher")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_the_edition_before_is_of_an_earlier_day_or_the_first_of_this_one(connection: psycopg.Connection) -> None:
    def before(day: int, hour: int) -> datetime | None:
        return export_log.edition_before(connection, CREATOR, "students", date(2026, 3, day), datetime(2026, 3, day, hour, tzinfo=UTC))

    assert before(1, 3) is None
    first = _entry("finished")
    export_log.record(connection, first)
    assert (before(1, 3), before(1, 9), before(2, 3)) == (None, first.as_of, first.as_of)
    again = replace(_entry("finished", 2), as_of=datetime(2026, 3, 1, 9, tzinfo=UTC))
    export_log.record(connection, again)
    assert (before(1, 9), before(1, 12), before(2, 3)) == (first.as_of, first.as_of, again.as_of)


def test_an_export_starts_once_and_ends_once(connection: psycopg.Connection) -> None:
    export_log.record(connection, _entry("started"))
    export_log.record(connection, _entry("finished"))
    for event in ("started", "finished", "failed", "abandoned"):
        with pytest.raises(psycopg.errors.UniqueViolation):
            export_log.record(connection, _entry(event))


def test_a_start_whose_run_is_gone_is_noted_as_abandoned(settings: Settings, connection: psycopg.Connection) -> None:
    export_log.record(connection, _entry("started", 1, "dead"))
    export_log.record(connection, _entry("started", 2, "alive"))
    with warehouse.connect(settings, autocommit=True) as alive:
        export_log.hold_rendering(alive, "alive")
        assert export_log.write_abandoned(connection, "next") == 1
        assert export_log.write_abandoned(connection, "next") == 0
    deadline = time.monotonic() + 10
    while not (count := export_log.write_abandoned(connection, "next")):  # the server sees the end of a session a moment later
        assert time.monotonic() < deadline
    assert count == 1
    events = [(entry.event, entry.run_id) for entry in export_log.history(connection, CREATOR, 10)]
    assert events == [("abandoned", "alive"), ("abandoned", "dead"), ("started", "alive"), ("started", "dead")]


def test_the_newest_good_file_counts(connection: psycopg.Connection) -> None:
    for number, event in enumerate(("finished", "unchanged", "failed", "linked", "started"), start=1):
        export_log.record(connection, replace(_entry(event, number), object_key=f"k{number}"))
    assert export_log.latest_files(connection, CREATOR)["students", "csv"].object_key == "k2"
    assert export_log.latest_files(connection, str(UUID(int=2))) == {}
    assert [entry.object_key for entry in export_log.edition_files(connection, date(2026, 3, 1))] == ["k2"]
    assert export_log.edition_files(connection, date(2026, 3, 2)) == []
