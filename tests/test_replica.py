"""A source that is a standby: complete only as far as it follows the platform, and a quiet hour is no lag."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from pipelines import warehouse
from pipelines.local import source
from pipelines.local.port import choose_port
from pipelines.local.postgres import SETTINGS, find_postgres, shared_memory, stop_postgres
from pipelines.local.process import await_server, run_program, start_server
from pipelines.local.world import World
from pipelines.settings import Settings
from tests.small_source import SmallSource


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "the standby does not get there"
        time.sleep(0.05)


@pytest.fixture
def standby(world: World, settings: Settings, tmp_path: Path) -> Iterator[str]:
    """The address of this test's database on a streaming standby of the world's Postgres."""
    postgres = world.postgres
    place, data, port = postgres.place, postgres.place.base / "standby", choose_port(set())
    primary = postgres.superuser.url("postgres", postgres.secrets.superuser_password, "postgres")
    data.mkdir(mode=0o700)
    if place.account:
        os.chown(data, place.account.uid, place.account.gid)
    made = run_program(
        [str(place.programs() / "pg_basebackup"), "-D", str(data), "-d", primary, "-R", "-X", "stream", "-c", "fast"], place.account
    )
    assert made.returncode == 0, made.stderr
    address = urlsplit(settings.require_database_url().get_secret_value())
    url = address._replace(netloc=f"{address.username}:{address.password}@127.0.0.1:{port}").geturl()
    options = [f"-c{name}={value}" for name, value in (SETTINGS | {"port": str(port), "shared_buffers": "64MB"} | shared_memory()).items()]
    environment = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
    program = [str(place.programs() / "postgres"), "-D", str(data), *options]
    running = start_server(program, folder=Path("/"), log=tmp_path / "standby.log", environment=environment, account=place.account)

    def answers() -> bool:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            return False
        return True

    try:
        assert await_server(running, answers, 30), (tmp_path / "standby.log").read_text()
        yield url
    finally:
        if found := find_postgres(data):
            stop_postgres(found, at_once=True)
        shutil.rmtree(data)


@pytest.fixture
def platform_tables(settings: Settings) -> Settings:
    """The warehouse and an empty source in it, before the standby is taken from it."""
    warehouse.init_db(settings)
    with warehouse.connect(settings) as connection:
        source.build(connection, replica=True)
        connection.execute("create schema if not exists app")
    return settings


def test_complete_through_follows_the_standby(platform_tables: Settings, standby: str, world: World) -> None:
    settings = platform_tables.model_copy(update={"source_url": Settings(_env_file=None, database_url=standby).database_url})  # pyrefly: ignore
    secret = world.postgres.secrets.superuser_password
    control_url = replace(world.postgres.superuser, port=urlsplit(standby).port).url("postgres", secret, "postgres")
    with psycopg.connect(control_url, autocommit=True) as control, warehouse.connect(platform_tables, autocommit=True) as primary:
        small = SmallSource(settings, primary)
        creator = small.add("creators")
        for table in ("courses", "videos", "students"):
            small.add(table, creator_id=creator)

        def lag() -> timedelta:
            """How far behind its clock a run on the standby says that the source is."""
            now = datetime.now(UTC)
            small.read(as_of=now)
            through = small.fetch("select complete_through from ops.build")[0][0]
            return now - through - timedelta(minutes=settings.late_commit_minutes)

        def is_followed() -> bool:
            row = control.execute(
                "select pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() and pg_last_wal_replay_lsn() >= %s", (place,)
            ).fetchone()
            return row == (True,)

        place = primary.execute("select pg_current_wal_lsn()").fetchone()[0]
        _until(is_followed)
        time.sleep(2)  # nothing happens on the platform
        assert lag() < timedelta(seconds=1), "a quiet hour is no lag"
        control.execute("select pg_wal_replay_pause()")
        time.sleep(2)
        small.add("students", creator_id=creator)
        place = primary.execute("select pg_current_wal_lsn()").fetchone()[0]
        _until(lambda: control.execute("select pg_last_wal_receive_lsn() >= %s", (place,)).fetchone() == (True,))
        assert lag() > timedelta(seconds=2), "what came and is not replayed yet is not there"
        assert small.count("raw.students") == 1
        control.execute("select pg_wal_replay_resume()")
        _until(is_followed)
        assert lag() < timedelta(seconds=1)
        assert small.count("raw.students") == 2
