"""How a creator's reports stand, and that nobody's are fresh while a replica lags."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from pipelines import export_log, gates, report_status, warehouse
from pipelines.settings import Settings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN, BOB = str(UUID(int=1)), str(UUID(int=2))
DAY = date(2026, 3, 1)


@pytest.fixture
def prepared(settings: Settings) -> Settings:
    warehouse.init_db(settings)
    return settings


def _standing(connection: psycopg.Connection) -> dict[str, tuple]:
    rows = connection.execute("select creator_id::text, state, reason, as_of, edition_on from ops.report_status").fetchall()
    return {row[0]: row[1:] for row in rows}


def _entry(creator: str) -> export_log.Entry:
    return export_log.Entry(
        export_id=export_log.new_export_id(), event="started", run_id="run 1", requested_by="test", creator_id=creator, report="report", format="html",
        edition_on=DAY, as_of=NOON, complete_through=NOON,
    )  # fmt: skip


def _close(connection: psycopg.Connection, creator: str, reason: str) -> None:
    connection.execute("insert into ops.gates values (%s, %s, %s)", (creator, reason, NOON))


def test_made_held_and_released(prepared: Settings) -> None:
    with warehouse.connect(prepared, autocommit=True) as connection:
        report_status.note_made(connection, ANN, _entry(ANN))
        _close(connection, ANN, "bad rows: 2 of students")
        _close(connection, BOB, "check failed: x")
        assert report_status.follow_gates(prepared, "run 2") == {ANN: "bad rows: 2 of students", BOB: "check failed: x"}
        assert _standing(connection) == {
            ANN: ("held", "bad rows: 2 of students", NOON, DAY),
            BOB: ("held", "check failed: x", None, None),
        }
        since = connection.execute("select since from ops.report_status where creator_id = %s", (ANN,)).fetchone()
        connection.execute("delete from ops.gates where creator_id = %s", (BOB,))
        report_status.follow_gates(prepared, "run 3")
        assert _standing(connection)[BOB] == ("waiting", "the data is in order again; the next edition brings new reports", None, None)
        assert connection.execute("select since, run_id from ops.report_status where creator_id = %s", (ANN,)).fetchone() == (
            *since,
            "run 3",
        )


@pytest.mark.parametrize(("edition_on", "state"), [(DAY, "current"), (DAY - timedelta(days=1), "waiting")])
def test_whoever_missed_an_edition_waits_for_the_next(prepared: Settings, edition_on: date, state: str) -> None:
    with warehouse.connect(prepared, autocommit=True) as connection:
        export_log.record(connection, replace(_entry(ANN), event="finished", edition_on=edition_on))
        report_status.note_made(connection, ANN, replace(_entry(ANN), edition_on=edition_on))
        report_status.note_made(connection, BOB, _entry(BOB))
        _close(connection, ANN, "bad rows: 2 of students")
        report_status.follow_gates(prepared, "run 2")
        connection.execute("delete from ops.gates")
        report_status.follow_gates(prepared, "run 3")
        assert _standing(connection)[ANN][0] == state
        report_status.note_made(connection, ANN, _entry(ANN))
        assert _standing(connection)[ANN] == ("current", None, NOON, DAY)


def test_a_failure_keeps_the_last_good_reports(prepared: Settings) -> None:
    entry = _entry(ANN)
    with warehouse.connect(prepared, autocommit=True) as connection:
        export_log.record(connection, entry)
        report_status.note_failed(connection, ANN, "run 1", "the store is away")
        assert _standing(connection) == {ANN: ("failed", "the store is away", None, None)}
        connection.execute(
            "insert into ops.export_log (export_id, event, run_id, requested_by, creator_id, report, format, edition_on, as_of)"
            " values (%s, 'finished', 'run 1', 'test', %s, 'report', 'html', %s, %s)",
            (entry.export_id, ANN, DAY, NOON),
        )
        report_status.note_failed(connection, ANN, "run 2", "the store is away")
        assert _standing(connection) == {ANN: ("failed", "the store is away", NOON, DAY)}


def test_whoever_leaves_the_plan_has_no_current_reports(prepared: Settings) -> None:
    with warehouse.connect(prepared, autocommit=True) as connection:
        for creator in (ANN, BOB):
            report_status.note_made(connection, creator, _entry(creator))
        report_status.follow_plans(prepared, [ANN], "run 2")
        ended = ("ended", "no longer on a running enterprise plan: no new reports, and all links have ended", NOON, DAY)
        assert _standing(connection) == {ANN: ("current", None, NOON, DAY), BOB: ended}
        _close(connection, BOB, "bad rows: 2 of students")
        report_status.follow_gates(prepared, "run 3", [ANN])
        assert _standing(connection)[BOB] == ended
        assert report_status.follow_gates(prepared, "run 4", [ANN, BOB]) == {BOB: "bad rows: 2 of students"}
        assert _standing(connection)[BOB][0] == "held"  # back on the plan
        connection.execute("delete from ops.gates")
        report_status.note_made(connection, BOB, _entry(BOB))
        assert _standing(connection)[BOB] == ("current", None, NOON, DAY)


@pytest.mark.parametrize(("behind", "is_closed"), [(0, False), (60, False), (61, True), (60 * 24 * 400, True)])
def test_while_a_replica_lags_nobody_is_fresh(prepared: Settings, behind: int, is_closed: bool) -> None:
    """The source is complete up to LATE_COMMIT before the run at best; more than MAX_REPLICATION_LAG before that is too far."""
    through = NOON - timedelta(minutes=prepared.late_commit_minutes + behind)
    with warehouse.connect(prepared, autocommit=True) as connection:
        connection.execute("update ops.build set booked_as_of = %s, complete_through = %s", (NOON, through))
        _close(connection, BOB, "bad rows: 1 of videos")
        found = gates.closed(connection, prepared, [ANN, BOB])
        assert found[BOB] == "bad rows: 1 of videos"
        assert (ANN in found) is is_closed
        assert not is_closed or found[ANN].startswith("not fresh: the source is a replica that follows only up to 20")


@pytest.mark.parametrize("role", ["creator_reader", "publisher"])
def test_a_creator_reads_its_own_row(prepared: Settings, role: str) -> None:
    with warehouse.connect(prepared) as connection:
        for creator in (ANN, BOB):
            report_status.note_made(connection, creator, _entry(creator))
        warehouse.set_role(connection, role)
        assert connection.execute("select count(*) from ops.report_status").fetchone() == ((0,) if role == "creator_reader" else (2,))
