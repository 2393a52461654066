"""kill -9 of the run, of Postgres and of the S3 server at random moments: the next run ends where an undisturbed one does.

Twenty times in the suite, as often as one likes with `make torture N=200`. The servers are started again at once, while the run may still be going on.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines import keeping, manifests, parquet, saved_index
from pipelines.local import world as embedded
from pipelines.local.world import World
from pipelines.settings import ROOT, Settings
from pipelines.store import Store
from tests.guard import guard
from tests.oracle.place import Place, snapshot_tables
from tests.oracle.platforms import draw_platform
from tests.oracle.schedules import make_schedule
from tests.oracle.versions import contents
from tests.oracle.warm import Warm, warm_copy, warm_database

SCHEDULE = make_schedule("torture", "2025-06-30T21:30", (3,), ())
PLATFORMS = 4
OPEN_STARTS = """
select export_id from ops.export_log s where event = 'started' and not exists (
    select from ops.export_log e where e.export_id = s.export_id and e.event in ('finished', 'failed', 'abandoned'))"""
FILES = """
select distinct on (creator_id, report, format) creator_id::text, report, format, sha256, object_key
from ops.export_log where event in ('finished', 'unchanged') order by creator_id, report, format, log_id desc"""


@dataclass
class Runner:
    """The process whose children run."""

    process: subprocess.Popen[str]

    def start(self, settings: Settings) -> int:
        """Begin a run; the pid of who does it."""
        assert self.process.stdin is not None
        values = {
            name: getattr(settings, name) for name in ("s3_endpoint_url", "s3_bucket", "ledger_bucket", "aws_access_key_id", "aws_region")
        }
        values["database_url"] = settings.require_database_url().get_secret_value()
        assert settings.aws_secret_access_key is not None
        values["aws_secret_access_key"] = settings.aws_secret_access_key.get_secret_value()
        self.process.stdin.write(json.dumps({"settings": values, "as_of": SCHEDULE.instants[1].isoformat()}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def wait(self) -> int:
        """The status with which the run ended."""
        return self._answer()

    def _answer(self) -> int:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process whose children run has ended"
        return json.loads(line)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose servers may be killed."""
    with guard(tmp_path_factory.mktemp("torture") / "world") as folder:
        yield embedded.up(folder)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file for what the runs have to say."""
    return tmp_path_factory.mktemp("said") / "runs.log"


@pytest.fixture(scope="module")
def runner(said: Path) -> Iterator[Runner]:
    command = [sys.executable, "-m", "tests.torture_child", str(said)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Runner(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def before(own: World) -> Iterator[Warm]:
    """A few platforms after their first run, with a second one to come."""
    places = [Place(number, SCHEDULE) for number in range(PLATFORMS)]
    with warm_database(own) as warm:
        for run in (0, 1):
            for number, place in enumerate(places):
                place.run = run
                for event in draw_platform(7000 + number):
                    if min(event.run, 1) == run:
                        event.happen(place)
            warm.write_source(snapshot_tables(places))
            if run == 0:
                warm.run(SCHEDULE.instants[0], is_nightly=False, is_tested=False)
        yield warm


@contextmanager
def _trial(own: World, before: Warm) -> Iterator[Warm]:
    """A copy of the platforms, with two empty buckets."""
    name = f"torture-{uuid.uuid4().hex[:8]}"
    buckets = {"s3_bucket": name, "ledger_bucket": f"{name}-ledger"}
    for bucket in buckets.values():
        own.objectstore.client().create_bucket(Bucket=bucket)
    with warm_copy(own, before) as warm:
        warm.settings = warm.settings.model_copy(update=buckets)
        yield warm


def _published(warm: Warm) -> dict[str, str | None]:
    return {name: digest for name, digest in contents(warm).items() if name.startswith("analytics.")}


def _saved(warm: Warm) -> dict[str, int]:
    """Digests of the rows of each object of the saved ledger, but for the index, which names the save."""
    store = Store(warm.settings, is_ledger=True)
    found = saved_index.read(store)
    assert found is not None
    named = {table.object_key(day) for table in keeping.day_tables(warm.catalog) for day in found.counts[table.name]}
    keys = {key for key in store.keys("") if key != saved_index.KEY}
    assert {key for key in keys if "/" in key} == named, "the index names what is there"
    return {key: hash(tuple(sorted(map(repr, parquet.read_values(store, key) or [])))) for key in keys}


def _end(warm: Warm) -> dict[str, Any]:
    """How things stand after a run that nothing disturbed, nor should have: all rows, files and saved days; and that nothing is left to do, or loose."""
    assert warm.fetch("select count(*) as left from ops.touched") == [{"left": 0}]
    assert warm.fetch("select state from ops.build") == [{"state": "audited"}]
    assert warm.fetch(OPEN_STARTS) == [], "what started has an end"
    files, store = warm.fetch(FILES), Store(warm.settings)
    there = set(store.keys("reports/"))
    assert there <= {row["object_key"] for row in warm.fetch("select object_key from ops.export_log")}, "no object without a row"
    assert {row["object_key"] for row in files} <= there, "no file without its object"
    shas = sorted(
        (row["creator_id"], row["report"], row["format"], row["sha256"]) for row in files if not row["report"].startswith(manifests.NAME)
    )  # it holds random keys
    return {"rows": dict(contents(warm)), "files": shas, "saved": _saved(warm)}


def _kill_server(own: World, name: str) -> None:
    """End a server as a lost machine would, and start it again."""
    running = own.postgres.find() if name == "postgres" else own.objectstore.find()
    assert running is not None
    running.kill()
    running.wait(30)
    embedded.up(own.folder.path)


def _run_and_kill(own: World, runner: Runner, warm: Warm, victim: str, after: float) -> bool:
    """A run during which `victim` is killed; whether it was still going on then."""
    pid = runner.start(warm.settings)
    ended: list[int] = []
    waiter = threading.Thread(target=lambda: ended.append(runner.wait()))
    waiter.start()
    waiter.join(after)
    was_running = waiter.is_alive()
    if victim != "run":
        _kill_server(own, victim)
    elif was_running:
        os.kill(pid, signal.SIGKILL)
    waiter.join(240)
    assert ended, "the run hangs"
    # A run that came to its end in that very moment was not hit.
    return was_running and (victim != "run" or os.WIFSIGNALED(ended[0]))


def test_whatever_is_killed_the_next_run_makes_it_good(
    own: World, runner: Runner, before: Warm, said: Path, request: pytest.FixtureRequest
) -> None:
    count, terminal = request.config.getoption("--torture"), request.config.pluginmanager.getplugin("terminalreporter")
    published_before = _published(before)
    with _trial(own, before) as undisturbed:
        began = time.monotonic()
        runner.start(undisturbed.settings)
        assert runner.wait() == 0, said.read_text()
        duration = time.monotonic() - began
        end, published_after = _end(undisturbed), _published(undisturbed)
    hits: Counter[str] = Counter()
    for number in range(count):
        drawn = random.Random(number)
        victim, after = drawn.choice(["run", "postgres", "s3"]), drawn.uniform(0, duration)
        told = f"kill {number}: {victim} after {after:.2f} of {duration:.2f} s"
        with _trial(own, before) as warm:
            hits[victim] += _run_and_kill(own, runner, warm, victim, after)
            assert _published(warm) in (published_before, published_after), f"{told}: half published"
            runner.start(warm.settings)
            assert runner.wait() == 0, f"{told}: {said.read_text()[-3000:]}"
            assert _end(warm) == end, told
        if terminal is not None:  # long work shows progress, where somebody looks
            terminal.write_line(f"{time.monotonic() - began:6.0f} s  {told}")
    assert hits.total() >= count // 2, f"too few of {count} runs were still going on: {dict(hits)}"
