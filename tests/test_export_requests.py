"""Exports that the app asks for: who may ask and read, what is refused in words, one file per request whatever is killed or repeated."""

import threading
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import dagster as dg
import psycopg
import pytest
from psycopg.types.json import Jsonb

from pipelines import export_line, export_log, export_requests, reader_tokens, sensors, warehouse
from pipelines.settings import Settings
from tests.published_platform import PublishedPlatform
from tests.small_source import CATALOG


@dataclass
class Requests:
    """The published platform, asked through the app's role."""

    platform: PublishedPlatform

    @contextmanager
    def app(self) -> Iterator[psycopg.Connection]:
        """A connection as `app_requests`, and nothing else."""
        with warehouse.connect(self.platform.settings, autocommit=True) as connection:
            connection.execute("set role app_requests")
            yield connection

    def ask(
        self, name: str = "London", type: str = "students", format: str = "csv", filters: Any = None, request_id: UUID | None = None
    ) -> UUID:
        """Insert a request as the app does; the same id again does nothing."""
        request_id = request_id or uuid.uuid4()
        with self.app() as connection:
            connection.execute(
                """insert into ops.export_requests (request_id, creator_id, type, format, filters, requested_by)
                   values (%s, %s, %s, %s, %s, 'ann') on conflict (request_id) do nothing""",
                (request_id, self.platform.creators[name], type, format, Jsonb({} if filters is None else filters)),
            )
        return request_id

    def serve(self, causes: dict[UUID, str] | None = None, **changes: Any) -> dict[str, int]:
        """Serve what waits, in a run of its own; `causes` is filled with why requests failed."""
        settings = self.platform.settings.model_copy(update=changes)
        noted = {} if causes is None else causes
        return dict(export_requests.serve(settings, CATALOG, uuid.uuid4().hex, note_cause=noted.__setitem__))

    def row(self, request_id: UUID) -> dict[str, Any]:
        """The whole row."""
        return self.platform.fetch("select to_jsonb(r) from ops.export_requests as r where request_id = %s", request_id)[0][0]


@pytest.fixture
def requests(published_platform: PublishedPlatform) -> Requests:
    """No requests, open gates."""
    published_platform.fetch("truncate ops.export_requests, ops.gates")
    return Requests(published_platform)


def test_a_request_becomes_a_file_behind_a_link_that_is_blanked_at_its_end(requests: Requests) -> None:
    request_id = requests.ask(filters={"tier": "moderate"})
    assert requests.serve() == {"done": 1}
    row = requests.row(request_id)
    assert (row["status"], row["reason"], row["attempt_count"]) == ("done", None, 1)
    data = urllib.request.urlopen(row["link"]).read()
    assert len(data) == row["byte_count"]
    assert data.count(b"\r\n") == row["row_count"] + 1
    noted = requests.platform.fetch(
        "select event, requested_by from ops.export_log where object_key = %s order by log_id", row["object_key"]
    )
    assert [event for event, _ in noted][-2:] == ["finished", "linked"]
    assert {who for _, who in noted} == {f"ann (request {request_id})"}
    requests.platform.fetch("update ops.export_requests set link_ends_at = clock_timestamp()")
    requests.serve()
    assert requests.row(request_id) | {"link": None} == requests.row(request_id)


def test_filters_narrow_the_rows(requests: Requests) -> None:
    all_rows, none = requests.ask(type="quiz_results"), requests.ask(type="quiz_results", filters={"from": "2030-01-01"})
    requests.serve()
    assert (requests.row(all_rows)["row_count"], requests.row(none)["row_count"]) == (2, 0)


def test_formats_of_the_same_rows_are_taken_on_together(requests: Requests) -> None:
    kinds = ("csv", "json", "xlsx")
    ids = {kind: requests.ask(format=kind) for kind in kinds}
    requests.ask(format="csv")  # twice the same is made twice
    requests.ask(format="json", filters={"tier": "moderate"})
    requests.ask("New York", format="json")
    with warehouse.connect(requests.platform.settings) as connection:
        taken = [sorted(str(one.request_id) for one in export_line.take(connection, "run", None)) for _ in range(5)]
        connection.rollback()
    assert [len(one) for one in taken] == [3, 1, 1, 1, 0]
    assert taken[0] == sorted(map(str, ids.values()))
    assert requests.serve() == {"done": 6}
    for kind, request_id in ids.items():
        row = requests.row(request_id)
        noted = requests.platform.fetch("select distinct format, requested_by from ops.export_log where object_key = %s", row["object_key"])
        assert (kind, f"ann (request {request_id})") in noted
        assert (row["status"], row["attempt_count"], row["row_count"]) == ("done", 1, 1)


def test_one_that_is_refused_does_not_keep_back_its_like(requests: Requests) -> None:
    good, bad = requests.ask(format="csv"), requests.ask(format="pdf")
    assert requests.serve() == {"done": 1, "refused": 1}
    assert [requests.row(one)["status"] for one in (good, bad)] == ["done", "refused"]


def test_no_link_lies_anywhere_else(requests: Requests) -> None:
    requests.ask()
    requests.serve()
    for table in ("ops.export_log", "ops.outbox", "ops.alerts", "ops.report_status"):
        assert "X-Amz" not in str(requests.platform.fetch(f"select to_jsonb(t) from {table} as t"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "passwords"}, "there is no export type 'passwords'"),
        ({"format": "pdf"}, "cannot be had as 'pdf'"),
        ({"filters": {"colour": "red"}}, "has no filter 'colour'"),
        ({"filters": {"tier": "excellent"}}, "there is no 'excellent'"),
        ({"filters": {"tier": ["at_risk", "inactive"]}}, 'filter tier: ["at_risk", "inactive"] is not a text; give one value'),
        ({"filters": {"tier": None}}, "filter tier: null is not a text"),
        ({"filters": {"tier": "x' or true --"}}, 'there is no "x\' or true --"'),
        ({"filters": ["tier"]}, "filters is not a JSON object"),
        ({"type": "quiz_results", "filters": {"from": "yesterday"}}, "is not a day like"),
    ],
)
def test_what_cannot_be_had_is_refused_in_words(requests: Requests, changes: dict[str, Any], reason: str) -> None:
    request_id = requests.ask(**changes)
    assert requests.serve() == {"refused": 1}
    row = requests.row(request_id)
    assert reason in row["reason"]
    assert (row["link"], row["object_key"]) == (None, None)


def test_only_entitled_creators_with_an_open_gate_are_served(requests: Requests) -> None:
    requests.platform.fetch("insert into ops.gates values (%s, 'bad rows: 1 of videos', now())", requests.platform.creators["Karachi"])
    closed, stranger = requests.ask("Karachi"), uuid.uuid4()
    with requests.app() as connection:
        connection.execute(
            "insert into ops.export_requests (request_id, creator_id, type, format, requested_by) values (%s, %s, 'students', 'csv', 'eve')",
            (stranger, uuid.uuid4()),
        )
    assert requests.serve() == {"refused": 2}
    assert "bad rows: 1 of videos" in requests.row(closed)["reason"]
    assert "there is no such creator" in requests.row(stranger)["reason"]


def test_a_creator_has_a_limit_an_hour(requests: Requests) -> None:
    ids = [requests.ask() for _ in range(3)]
    other = requests.ask("Karachi")
    assert requests.serve(exports_per_hour=2) == {"done": 3, "refused": 1}
    assert "2 exports an hour are the limit, cancelled ones included; the next one can be asked for at" in requests.row(ids[2])["reason"]
    assert requests.row(other)["status"] == "done"
    requests.platform.fetch("update ops.export_requests set requested_at = requested_at - interval '1 hour'")
    requests.ask()
    assert requests.serve(exports_per_hour=2) == {"done": 1}


def test_the_app_may_ask_and_cancel_and_nothing_else(requests: Requests) -> None:
    request_id = requests.ask()
    for statement in (
        "select link from ops.export_requests",
        "select * from ops.export_requests",
        "update ops.export_requests set link = 'x'",
        "update ops.export_requests set status = 'done'",
        "delete from ops.export_requests",
        "insert into ops.export_requests (creator_id, type, format, requested_by, status) values (gen_random_uuid(), 'a', 'b', 'c', 'done')",
        "insert into ops.export_requests (creator_id, type, format, requested_by, link) values (gen_random_uuid(), 'a', 'b', 'c', 'x')",
        "select * from analytics.student_engagement_tiers",
        "select * from ops.export_log",
        "select ops.current_creator()",
    ):
        with requests.app() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
    with requests.app() as connection:
        assert connection.execute("update ops.export_requests set status = 'cancelled' where request_id = %s", (request_id,)).rowcount == 1
        assert connection.execute("update ops.export_requests set status = 'cancelled' where request_id = %s", (request_id,)).rowcount == 0
    assert requests.serve() == {}
    assert requests.row(request_id)["status"] == "cancelled"


def test_a_creator_reads_its_own_requests_by_token(requests: Requests) -> None:
    ids = {name: requests.ask(name) for name in ("London", "Karachi")}
    requests.serve()
    with warehouse.connect(requests.platform.settings) as connection:
        token = reader_tokens.mint(connection, requests.platform.creators["London"], timedelta(minutes=5), "test").token
    with warehouse.connect(requests.platform.settings) as connection:
        connection.execute("set role creator_reader")
        assert connection.execute("select link from ops.export_requests").fetchall() == []
        connection.execute("select set_config('ops.token', %s, true)", (token,))
        seen = connection.execute("select request_id, link from ops.export_requests").fetchall()
    assert [request_id for request_id, _ in seen] == [ids["London"]]
    assert urllib.request.urlopen(seen[0][1]).status == 200
    for role in ("bi_reader", "bi_reader_deidentified", "report_renderer"):
        with warehouse.connect(requests.platform.settings) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"set role {role}".encode())
            connection.execute("select link from ops.export_requests")


@pytest.fixture
def login_of_both(requests: Requests) -> Iterator[psycopg.Connection]:
    """A session whose role asks for exports and reads by token: apps have one login."""
    role = f"app_{uuid.uuid4().hex[:12]}"
    with warehouse.connect(requests.platform.settings, autocommit=True) as connection:
        connection.execute(
            f"create role {role} in role app_requests, creator_reader; grant {role} to current_user; set role {role}".encode()
        )
        yield connection
        connection.execute(f"reset role; drop role {role}".encode())


def test_a_login_of_both_roles_keeps_to_the_creator_of_its_token(requests: Requests, login_of_both: psycopg.Connection) -> None:
    """It has the columns of the one role; it must not have them on the rows of the other."""
    ids, creators = {name: requests.ask(name) for name in ("London", "Karachi")}, requests.platform.creators
    requests.serve()
    with warehouse.connect(requests.platform.settings, autocommit=True) as connection:
        token = reader_tokens.mint(connection, creators["London"], timedelta(minutes=5), "test").token
    asking = (
        "insert into ops.export_requests (request_id, creator_id, type, format, requested_by) values (%s, %s, 'students', 'csv', 'ann')"
    )
    asking += " on conflict (request_id) do nothing returning request_id"
    assert login_of_both.execute("select link from ops.export_requests").fetchall() == []
    with login_of_both.transaction():
        login_of_both.execute("select set_config('ops.token', %s, true)", (token,))
        assert [row[0] for row in login_of_both.execute("select request_id from ops.export_requests").fetchall()] == [ids["London"]]
        ids["again"] = uuid.uuid4()
        assert login_of_both.execute(asking.encode(), (ids["again"], creators["London"])).fetchone() == (ids["again"],)
        assert login_of_both.execute(asking.encode(), (ids["again"], creators["London"])).fetchone() is None, "asked twice"
        with pytest.raises(psycopg.errors.InsufficientPrivilege), login_of_both.transaction():
            login_of_both.execute(asking.encode(), (uuid.uuid4(), creators["Karachi"]))
        assert login_of_both.execute("update ops.export_requests set status = 'cancelled'").rowcount == 2
    assert {name: requests.row(found)["status"] for name, found in ids.items()} == {
        "London": "cancelled",
        "Karachi": "done",
        "again": "cancelled",
    }


def test_a_request_that_is_cancelled_while_it_is_made_gives_no_link(requests: Requests) -> None:
    request_id = requests.ask()
    requests.platform.fetch(
        """create function ops.cancel_all() returns trigger language plpgsql security definer as $$ begin
               update ops.export_requests set status = 'cancelled'; return null; end $$;
           create trigger cancel_meanwhile after insert on ops.export_log for each row when (new.event = 'started') execute function ops.cancel_all()"""
    )
    try:
        assert requests.serve() == {"cancelled": 1}
    finally:
        requests.platform.fetch("drop trigger cancel_meanwhile on ops.export_log; drop function ops.cancel_all()")
    assert (requests.row(request_id)["status"], requests.row(request_id)["link"]) == ("cancelled", None)


def test_a_request_that_is_cancelled_afterwards_loses_its_link(requests: Requests) -> None:
    request_id = requests.ask()
    requests.serve()
    with requests.app() as connection:
        connection.execute("update ops.export_requests set status = 'cancelled' where request_id = %s", (request_id,))
    requests.serve()
    assert requests.row(request_id)["link"] is None


def test_links_of_revoked_files_are_blanked(requests: Requests) -> None:
    request_id = requests.ask("New York")
    requests.serve()
    key = requests.row(request_id)["object_key"]
    requests.platform.fetch(
        "insert into ops.revoked_keys (creator_id, object_key) values (%s, %s)", requests.platform.creators["New York"], key
    )
    requests.serve()
    row = requests.row(request_id)
    assert (row["link"], row["reason"]) == (None, "its link was revoked; ask again")


def test_links_of_an_earlier_generation_are_blanked(requests: Requests) -> None:
    request_id = requests.ask("New York")
    requests.serve()
    requests.platform.fetch(
        "update ops.generations set generation = 'another' where creator_id = %s", requests.platform.creators["New York"]
    )
    requests.serve()
    row = requests.row(request_id)
    assert (row["link"], row["reason"]) == (None, "its link was revoked; ask again")


def test_the_same_id_again_is_the_same_request(requests: Requests) -> None:
    request_id = requests.ask()
    requests.ask(request_id=request_id)
    requests.serve()
    link = requests.row(request_id)["link"]
    requests.ask(request_id=request_id)
    assert requests.serve() == {}
    assert requests.row(request_id)["link"] == link


def test_what_a_dead_run_had_taken_on_is_taken_back_three_times(requests: Requests) -> None:
    request_id = requests.ask()
    requests.platform.fetch("update ops.export_requests set status = 'rendering', run_id = 'dead', attempt_count = 1")
    with warehouse.connect(requests.platform.settings, autocommit=True) as alive:
        export_log.hold_rendering(alive, "dead")
        assert requests.serve() == {}
    assert requests.serve() == {"done": 1}
    assert requests.row(request_id)["attempt_count"] == 2
    requests.platform.fetch("update ops.export_requests set status = 'rendering', run_id = 'dead', attempt_count = 3, link = null")
    assert requests.serve() == {}
    assert (requests.row(request_id)["status"], requests.row(request_id)["reason"]) == (
        "failed",
        "it could not be made; the data team knows",
    )


def test_two_runs_at_once_share_the_requests(requests: Requests) -> None:
    ids = [requests.ask() for _ in range(6)]
    counts: list[dict[str, int]] = []
    threads = [threading.Thread(target=lambda: counts.append(requests.serve())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(count.get("done", 0) for count in counts) == 6
    assert {(requests.row(one)["status"], requests.row(one)["attempt_count"]) for one in ids} == {("done", 1)}


def test_a_store_that_is_gone_fails_the_request_in_words_for_the_creator(requests: Requests) -> None:
    request_id = requests.ask()
    causes: dict[UUID, str] = {}
    assert requests.serve(causes, s3_bucket="no-such-bucket") == {"failed": 1}
    assert requests.row(request_id)["reason"] == "it could not be made; the data team knows. Ask again later."
    assert "no such bucket" in causes[request_id], "the data team is told why"
    assert (
        "bucket" in requests.platform.fetch("select reason from ops.export_log where event = 'failed' order by log_id desc limit 1")[0][0]
    )


def test_a_run_is_started_when_a_request_waits_and_none_is_under_way(requests: Requests, settings: Settings) -> None:
    sensor = next(one for one in sensors.build_sensors(requests.platform.settings) if one.name == "waiting_exports")
    assert sensor.minimum_interval_seconds == 15
    with dg.DagsterInstance.ephemeral() as instance:
        assert "no request waits" in str(sensor(dg.build_sensor_context(instance=instance)))
        requests.ask()
        assert isinstance(sensor(dg.build_sensor_context(instance=instance)), dg.RunRequest)

        @dg.job(name="exports")
        def exports() -> None: ...

        instance.create_run_for_job(exports, status=dg.DagsterRunStatus.STARTED)
        assert "a run is under way" in str(sensor(dg.build_sensor_context(instance=instance)))
