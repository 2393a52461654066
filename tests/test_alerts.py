"""What the data team is told, through a real HTTP server: one message per cause and window, in words, without links."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID, uuid4

import dagster as dg
import pytest

from pipelines import alerts, export_log, sensors, telling, warehouse, watching
from pipelines.alerts import Alert
from pipelines.local import source
from pipelines.problem import Problem
from pipelines.run_failures import BrokenCheck, first_cause
from pipelines.settings import Settings

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass
class Inbox:
    """Messages that arrived, newest last; `status` is what the server answers."""

    settings: Settings
    messages: list[dict[str, str]] = field(default_factory=list)
    status: int = 200

    def fetch(self, query: str) -> list[tuple]:
        """Rows of the warehouse."""
        with warehouse.connect(self.settings, autocommit=True) as connection:
            done = connection.execute(query.encode())
            return done.fetchall() if done.description else []


@pytest.fixture
def inbox(settings: Settings) -> Iterator[Inbox]:
    """A server that takes Apprise's JSON messages, and settings that name it."""
    warehouse.init_db(settings)
    inbox = Inbox(settings)

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if inbox.status == 200:
                inbox.messages.append({"title": message["title"], "text": message["message"]})
            self.send_response(inbox.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    urls = Settings(_env_file=None, alert_urls=f"json://127.0.0.1:{server.server_port}/?cto=5&rto=5").alert_urls  # pyrefly: ignore
    inbox.settings = settings.model_copy(update={"alert_urls": urls})
    yield inbox
    server.shutdown()
    thread.join()
    server.server_close()


def _alert(**changes: object) -> Alert:
    words = {"cause": "run hourly: boom", "title": "hourly failed", "what": "boom", "whom": "everybody", "todo": "mend it"}
    return Alert(**words | changes)  # pyrefly: ignore


def test_a_cause_is_told_once_per_window(inbox: Inbox) -> None:
    hours = [0, 1, 5, 6, 7, 12]
    told = [alerts.tell(inbox.settings, _alert(), NOW + timedelta(hours=hour)) for hour in hours]
    assert told == [True, False, False, True, False, True]
    assert [message["title"] for message in inbox.messages] == ["Creator Reports: hourly failed"] * 3
    assert inbox.messages[2]["text"].splitlines() == ["What: boom", "Whom: everybody", "Since: 2026-03-02 09:00 UTC", "Do: mend it"]
    assert alerts.tell(inbox.settings, _alert(cause="run hourly: other"), NOW)


def test_a_cause_that_is_gone_and_comes_back_is_told_at_once(inbox: Inbox) -> None:
    for cause in ("gate: a", "gate: b"):
        alerts.tell(inbox.settings, _alert(cause=cause), NOW)
    assert alerts.forget(inbox.settings, "gate", but=["gate: b"]) == 1
    assert alerts.tell(inbox.settings, _alert(cause="gate: a"), NOW)
    assert not alerts.tell(inbox.settings, _alert(cause="gate: b"), NOW)


def test_a_summary_is_told_once_for_good(inbox: Inbox) -> None:
    assert alerts.tell(inbox.settings, _alert(repeats=False), NOW)
    assert not alerts.tell(inbox.settings, _alert(repeats=False), NOW + timedelta(days=2))


def test_what_could_not_be_told_is_told_later(inbox: Inbox) -> None:
    inbox.status = 500
    with pytest.raises(Problem, match="not every address in ALERT_URLS took the message"):
        alerts.tell(inbox.settings, _alert(), NOW)
    inbox.status = 200
    assert alerts.tell(inbox.settings, _alert(), NOW)
    nonsense = inbox.settings.model_copy(update={"alert_urls": Settings(_env_file=None, alert_urls="nonsense://x:secret@y").alert_urls})  # pyrefly: ignore
    with pytest.raises(Problem, match="address 1 of 1 in ALERT_URLS") as refused:
        alerts.tell(nonsense, _alert(cause="other: x"), NOW)
    assert "secret" not in str(refused.value)


def test_links_stay_out_of_messages(inbox: Inbox) -> None:
    alerts.tell(inbox.settings, _alert(what="cannot put https://s3.example/reports/x?X-Amz-Signature=abc there"), NOW)
    assert inbox.messages[0]["text"].splitlines()[0] == "What: cannot put … there"


def test_the_same_trouble_an_hour_later_is_the_same_cause() -> None:
    first = alerts.cause_of("run daily", "12 of 100 creators failed. First: creator 123e4567-e89b-12d3-a456-426614174000")
    assert first == alerts.cause_of("run daily", "13 of 100 creators failed. First: creator 00000000-e89b-12d3-a456-426614174000")
    assert first != alerts.cause_of("run hourly", "12 of 100 creators failed. First: creator 123e4567-e89b-12d3-a456-426614174000")


def test_a_closed_gate_is_told_by_its_reason(inbox: Inbox) -> None:
    inbox.fetch(
        "insert into ops.gates select ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'bad rows: 1 of videos', '2026-03-01 12:00Z' from generate_series(1, 5) n"
    )
    (alert,) = watching.closed_gates(inbox.settings)
    alerts.tell(inbox.settings, alert, NOW)
    (message,) = inbox.messages
    assert message["title"] == "Creator Reports: 5 creators get no new reports"
    assert "bad rows: 1 of videos" in message["text"]
    assert f"{UUID(int=1)}, {UUID(int=2)}, {UUID(int=3)} and 2 more" in message["text"]
    assert "Since: 2026-03-01 12:00 UTC" in message["text"]


def test_a_closed_gate_names_whom_the_mirror_knows(inbox: Inbox) -> None:
    inbox.fetch(f"create table raw.creators as select '{UUID(int=1)}'::uuid as id, E'Ada\\nLovelace' as company_name")
    inbox.fetch(
        f"insert into ops.gates select creator::uuid, 'bad rows: 1 of videos', now() from unnest(array['{UUID(int=1)}', '{UUID(int=2)}']) creator"
    )
    (alert,) = watching.closed_gates(inbox.settings)
    assert alert.whom.startswith(f"Ada Lovelace ({UUID(int=1)}), {UUID(int=2)}: ")


def _log(inbox: Inbox, event: str, number: int, reason: str | None = None, *, on_request: bool = False) -> None:
    entry = export_log.Entry(
        export_id=uuid4(), event=event, run_id="r", requested_by="t", creator_id=str(UUID(int=number)), report="students",
        format="csv", edition_on=None if on_request else date(2026, 3, 1), reason=reason,
    )  # fmt: skip
    with warehouse.connect(inbox.settings, autocommit=True) as connection:
        export_log.record(connection, entry)


def test_failed_exports_and_mails_are_summed_up_once_a_day(inbox: Inbox) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert watching.yesterday(inbox.settings, tomorrow) is None
    for number in range(1, 19):
        _log(inbox, "finished", number)
    assert watching.yesterday(inbox.settings, tomorrow) is None
    _log(inbox, "failed", 19, "the store is full")
    inbox.fetch(
        "insert into ops.outbox (creator_id, edition, local_on, message_id, status, reason, ended_at)"
        f" values ('{UUID(int=20)}', 'daily', current_date, 'x', 'failed', 'refused (550)', clock_timestamp())"
    )
    summary = watching.yesterday(inbox.settings, tomorrow)
    assert summary is not None
    assert "students.csv of 1 creator, first: the store is full; mail to 1 creator: refused (550)." in summary.what
    assert "Only 94.7% of the creators have all files of their editions" in summary.what
    assert watching.yesterday(inbox.settings, tomorrow + timedelta(days=1)) is None


def test_a_file_made_in_a_second_try_and_a_request_are_no_missing_file(inbox: Inbox) -> None:
    _log(inbox, "failed", 1, "the store is full")
    _log(inbox, "finished", 1)
    _log(inbox, "failed", 2, "the store is full", on_request=True)
    summary = watching.yesterday(inbox.settings, datetime.now(UTC) + timedelta(days=1))
    assert summary is not None
    assert "students.csv of 2 creators" in summary.what and "Only" not in summary.what


@dg.op
def break_off() -> None:
    """An op that fails as ours do."""
    raise dg.Failure("the store is full; free space there, then run again")


@dg.job(name="hourly")
def hourly() -> None:
    """A job that fails."""
    break_off()


@pytest.mark.parametrize("will_retry", [False, True])
def test_a_failed_run_is_told_unless_dagster_repeats_it(inbox: Inbox, will_retry: bool) -> None:
    sensor = next(one for one in sensors.build_sensors(inbox.settings) if one.name == "failed_runs")
    with dg.DagsterInstance.ephemeral() as instance:
        tags = {"dagster/will_retry": "true"} if will_retry else {}
        result = hourly.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        event = next(event for event in result.all_events if event.is_run_failure)
        context = dg.build_run_status_sensor_context("failed_runs", event, instance, run).for_run_failure()
        sensor(context)
    assert len(inbox.messages) == (0 if will_retry else 1)
    if not will_retry:
        assert inbox.messages[0]["title"] == "Creator Reports: hourly failed"
        assert "What: break_off: the store is full; free space there, then run again (run " in inbox.messages[0]["text"]
        assert "Whom: every creator: tables stay empty" in inbox.messages[0]["text"]


def _what_to_do(inbox: Inbox, job: str, cause: str) -> tuple[str, str, str]:
    alert = watching.failed_run(inbox.settings, job, "0123456789", cause, NOW)
    return alert.title, alert.whom, alert.todo


def test_a_failed_run_from_the_asset_graph_is_told_in_words_of_its_own(inbox: Inbox) -> None:
    title, whom, todo = _what_to_do(inbox, "__ASSET_JOB", "reports: the store is full.")
    assert title == "a run that was launched from the asset graph failed"
    assert whom.startswith("who waits for the assets that it was to make; published tables stay empty")
    assert todo == "open run 0123456789 in the Dagster UI; no schedule repeats it: once the cause is mended, launch it there again"
    check = watching.broken_check("__ASSET_JOB", "0123456789", BrokenCheck("marts/videos", "unique", "No row twice."), NOW)
    assert "__ASSET_JOB" not in check.what
    assert "creator-reports run" not in _what_to_do(inbox, "exports", "the store is full.")[2]


@pytest.mark.parametrize(
    ("job", "option", "command"),
    [
        ("daily", "--accept-deletions", "`creator-reports run daily --accept-deletions`"),
        ("hourly", "--accept-deletions", "`creator-reports run daily --accept-deletions`"),
        ("hourly", "--accept-losses", "`creator-reports run hourly --accept-losses`"),
        ("__ASSET_JOB", "--accept-losses", "`creator-reports run daily --accept-losses`"),
    ],
)
def test_a_guard_that_stops_a_run_is_passed_by_its_option(inbox: Inbox, job: str, option: str, command: str) -> None:
    _, _, todo = _what_to_do(inbox, job, f"Too much is gone; mend the source, or pass {option} to follow it.")
    assert todo.startswith(f"if what is gone is meant to be gone: {command}; else mend what lost it")
    assert "catches up" not in todo


@dg.op
def lose_the_connection() -> None:
    """An op whose library loses its connection while the server ends."""
    import psycopg2
    import sqlalchemy as sa

    said = "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\n"
    try:
        raise psycopg2.OperationalError(said)
    except psycopg2.OperationalError as error:
        raise sa.exc.OperationalError("select 1", {}, error) from error


@dg.op
def find_the_disk_full() -> None:
    """An op whose driver is told that the disk is full."""
    import psycopg2.errors

    raise psycopg2.errors.DiskFull('could not extend file "base/1"\nHINT:  Check free disk space.\n')


@pytest.mark.parametrize(
    ("op", "words"),
    [
        (
            lose_the_connection,
            "the connection to Postgres broke (server closed the connection unexpectedly); see that the server runs, then run again.",
        ),
        (find_the_disk_full, 'Postgres has no disk space left (could not extend file "base/1"); free some, then run again.'),
    ],
)
def test_errors_of_other_drivers_are_told_in_the_same_sentence(op: dg.OpDefinition, words: str) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.JobDefinition(name="hourly", graph_def=dg.GraphDefinition("hourly", node_defs=[op])).execute_in_process(
            instance=instance, raise_on_error=False
        )
    assert first_cause([], [event for event in result.all_events if event.is_step_failure]) == f"{op.name}: {words}"


def test_a_run_from_the_command_line_is_told_like_any_other(inbox: Inbox) -> None:
    from pipelines.jobs import Runner  # takes seconds to import

    with pytest.raises(Problem, match=r"hourly failed\. read: the source lacks table app\.creators"):
        Runner(inbox.settings).run("hourly", as_of=NOW, write=lambda source, line, record: None)
    (message,) = inbox.messages
    assert message["title"] == "Creator Reports: hourly failed" and "the source lacks table app.creators" in message["text"]
    assert inbox.fetch("select count(*) from ops.alerts where starts_with(cause, 'run hourly: ')") == [(1,)]
    inbox.status = 500
    with pytest.raises(Problem, match=r"lacks table app\.videos.* The data team does not know: not every address"):
        with warehouse.connect(inbox.settings) as connection:
            source.build(connection, replica=True)
            connection.execute("drop table app.videos cascade")
        Runner(inbox.settings).run("hourly", as_of=NOW, write=lambda source, line, record: None)
    inbox.status = 200
    telling.run_succeeded(inbox.settings, "hourly", "run", [BrokenCheck("marts/videos", "compare", "It is equal.")])
    assert inbox.fetch("select cause from ops.alerts") == [("check: marts/videos: compare (It is equal.)",)]
    assert "materialize that table" in inbox.messages[1]["text"]


def test_without_an_address_nobody_is_told(settings: Settings) -> None:
    for sensor in sensors.build_sensors(settings):
        assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
        assert sensor.description
    gates = next(one for one in sensors.build_sensors(settings) if one.name == "gates_and_exports")
    skipped = gates(dg.build_sensor_context())
    assert "ALERT_URLS is not set" in skipped.skip_message
