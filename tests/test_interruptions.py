"""Runs that are killed, runs that meet, a store that is full: the next good run ends where an undisturbed one would."""

import http.client
import http.server
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import psycopg
import pytest

from pipelines.settings import ROOT
from tests.platform import Platform
from tests.program import PROGRAM

FILES = """
select distinct on (creator_id, report, format) creator_id::text, report, format, sha256, row_count
from ops.export_log where event in ('finished', 'unchanged') order by creator_id, report, format, log_id desc"""
OPEN_STARTS = """
select count(*) from ops.export_log s where event = 'started' and not exists (
    select from ops.export_log e where e.export_id = s.export_id and e.event in ('finished', 'failed', 'abandoned'))"""
TABLES = ["creator_overview", "daily_activity", "video_analytics", "student_engagement_tiers", "top_questions"]


@pytest.fixture(scope="module")
def as_of(platform: Platform) -> datetime:
    """A small platform that one hourly run has published, hours behind real time so that it can live on; the instant of that run."""
    newest = (datetime.now(UTC) - timedelta(hours=8)).isoformat()
    platform.spare_dbt()
    platform.succeed("load", "demo", "--creators", "10", "--students", "400", "--days", "60", "--seed", "11", "--as-of", newest)
    platform.succeed("run", "hourly")
    return platform.fetch("select max(as_of) from analytics.published")[0][0]


def _kill_when(platform: Platform, query: str, *arguments: str) -> None:
    """Start the program, and end it with kill -9 as soon as `query` gives true."""
    process = platform.start(*arguments)
    try:
        deadline = time.monotonic() + 240
        with psycopg.connect(platform.environment["DATABASE_URL"], autocommit=True) as connection:
            while connection.execute(query.encode()).fetchone() != (True,):
                assert process.poll() is None, "the run ended before it could be killed"
                assert time.monotonic() < deadline
                time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()


def _contents(platform: Platform) -> dict[str, list[tuple]]:
    return {table: sorted(platform.fetch(f"select * from analytics.{table}"), key=repr) for table in TABLES}


def test_a_killed_daily_run_is_finished_by_the_next(platform: Platform, as_of: datetime) -> None:
    _kill_when(platform, "select count(*) >= 7 from ops.export_log where event = 'finished'", "run", "daily", "--as-of", as_of.isoformat())
    done = platform.fetch("select count(*) from ops.export_log where event = 'finished'")[0][0]
    platform.succeed("run", "daily", "--as-of", as_of.isoformat())
    repaired = platform.fetch(FILES)
    assert len(repaired) > done, "the run was killed too late to prove anything"
    assert platform.fetch(OPEN_STARTS) == [(0,)]
    finished = platform.fetch("select count(*) from ops.export_log where event = 'finished'")[0][0]
    assert finished == len(repaired), "files that were there already were uploaded again"


def test_a_killed_hourly_run_leaves_readers_what_they_had(platform: Platform, as_of: datetime) -> None:
    platform.succeed("tick", "--hours", "3")
    before = _contents(platform)
    _kill_when(platform, "select state = 'building' from ops.build", "run", "hourly", "--as-of", as_of.isoformat())
    assert _contents(platform) == before
    platform.succeed("run", "hourly", "--as-of", as_of.isoformat())
    assert platform.fetch("select state from ops.build") == [("audited",)]


def test_ctrl_c_stops_a_run_in_one_line_and_the_run_is_listed_with_its_job(platform: Platform, as_of: datetime) -> None:
    """A terminal sends the signal to all processes of its group; the first step would be tried again after a failure."""
    command = [PROGRAM, "run", "hourly", "--as-of", as_of.isoformat()]
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # tests in the background of a shell ignore it, and their children too
    process = subprocess.Popen(
        command, env=platform.variables(), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    signal.signal(signal.SIGINT, before)
    assert process.stderr is not None
    said = ""
    while " read " not in said:
        said += process.stderr.readline()
        assert process.poll() is None, said
    os.killpg(process.pid, signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert (process.returncode, rest.splitlines()[-1]) == (130, "creator-reports: stopped."), said + rest
    assert " rows of " not in rest and "Traceback" not in said + rest and "Dependencies for step" not in said + rest
    listed = "select count(*) from dagster.run_tags where key = '.dagster/repository' and value = '__repository__@creator-reports'"
    assert platform.fetch(listed) == platform.fetch("select count(*) from dagster.runs")


def test_two_hourly_runs_at_once_both_end_well(platform: Platform, as_of: datetime) -> None:
    both = [platform.start("run", "hourly", "--as-of", as_of.isoformat()) for _ in range(2)]
    said = [process.communicate(timeout=500)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert any("waiting for hourly run" in text for text in said)


class _FullStore(http.server.BaseHTTPRequestHandler):
    """A proxy in front of the real store: it passes reads on and answers every upload with 507."""

    target = ""

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(self.target)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_PUT(self) -> None:
        if "/reports/" not in self.path:
            return self._pass()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(507)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    def do_GET(self) -> None:
        self._pass()

    def do_HEAD(self) -> None:
        self._pass()

    def log_message(self, format: str, *args: object) -> None:
        """Tests are silent."""


@pytest.fixture
def full_store(platform: Platform) -> Iterator[str]:
    _FullStore.target = urlsplit(platform.environment["S3_ENDPOINT_URL"]).netloc
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _FullStore)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_full_store_fails_in_words_and_the_next_good_run_repairs(platform: Platform, as_of: datetime, full_store: str) -> None:
    platform.succeed("tick", "--hours", "2")
    platform.succeed("run", "hourly")
    before = platform.fetch(FILES)
    done = platform.run("run", "daily", S3_ENDPOINT_URL=full_store)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("creator-reports: daily failed.")
    assert "the store is full" in last
    assert platform.fetch(FILES) == before
    assert platform.fetch(OPEN_STARTS) == [(0,)]
    platform.succeed("run", "daily")
    after = platform.fetch(FILES)
    assert len(after) >= len(before)
    newest = platform.fetch("select event from ops.export_log where event <> 'linked' order by log_id desc limit 1")
    assert newest[0][0] in ("finished", "unchanged")
