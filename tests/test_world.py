"""The embedded world against real servers: what it keeps, what it refuses, what it survives.

Belongs here: starting, stopping, crashing and tampering. Does not: what the pipeline does with the servers.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from pipelines.local import world as embedded
from pipelines.local.world import World
from pipelines.problem import Problem
from tests.guard import guard

pytestmark = pytest.mark.timeout(120)

UP = """
import sys
from pathlib import Path
from pipelines.local import world
print(world.up(Path(sys.argv[1])).environment()['database_url'])
"""

GUARDED = """
import sys, time
from pathlib import Path
from pipelines.local import world
from tests.guard import guard
with guard(Path(sys.argv[1])) as folder:
    own = world.up(folder)
    print(own.postgres.find().pid, own.objectstore.find().pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for a world that tests may stop and break; each of them leaves it so that `up` works."""
    with guard(tmp_path_factory.mktemp("broken") / "world") as path:
        yield path


@pytest.fixture
def own(folder: Path) -> World:
    """That world, running."""
    return embedded.up(folder)


def write_marks(world: World, mark: str) -> None:
    """One row and one object."""
    with psycopg.connect(world.environment()["database_url"]) as connection:
        connection.execute("create table if not exists marks (mark text primary key)")
        connection.execute("insert into marks values (%s)", [mark])
    world.objectstore.client().put_object(Bucket="creator-reports", Key=f"marks/{mark}", Body=mark.encode())


def read_mark(world: World, mark: str) -> tuple[bool, bytes]:
    """Whether the row is there, and the object's bytes."""
    with psycopg.connect(world.environment()["database_url"]) as connection:
        row = connection.execute("select 1 from marks where mark = %s", [mark]).fetchone()
    return row is not None, world.objectstore.client().get_object(Bucket="creator-reports", Key=f"marks/{mark}")["Body"].read()


def processes(world: World) -> list[psutil.Process]:
    """Both servers and all their children."""
    servers = [server.find() for server in (world.postgres, world.objectstore)]
    return [process for server in servers if server for process in (server, *server.children(recursive=True))]


@contextmanager
def listener(port: int) -> Iterator[None]:
    """Another program that listens on the port."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield


def test_rows_and_objects_outlive_a_stop(own: World, folder: Path) -> None:
    write_marks(own, "stop")
    embedded.down(folder)
    assert [row.state for row in embedded.status(folder)] == ["stopped", "stopped"]
    assert own.postgres.find() is None
    assert own.objectstore.find() is None
    again = embedded.up(folder)
    assert again.environment() == own.environment()
    assert read_mark(again, "stop") == (True, b"stop")
    assert [row.state.partition(" (")[0] for row in embedded.status(folder)] == ["running", "running"]


def test_up_again_starts_nothing(own: World, folder: Path) -> None:
    before, said = [process.pid for process in (own.postgres.find(), own.objectstore.find()) if process], []
    again = embedded.up(folder, say=said.append)
    assert [process.pid for process in (again.postgres.find(), again.objectstore.find()) if process] == before
    assert said == []


def test_committed_work_outlives_kill_9(own: World, folder: Path) -> None:
    write_marks(own, "killed")
    for server in (own.postgres.find(), own.objectstore.find()):
        assert server
        os.kill(server.pid, signal.SIGKILL)
    assert read_mark(embedded.up(folder), "killed") == (True, b"killed")


def test_a_table_whose_making_a_crash_cut_short_stops_no_start(own: World, folder: Path) -> None:
    write_marks(own, "unlogged")
    with psycopg.connect(own.environment()["database_url"], autocommit=True) as connection:
        connection.execute("create unlogged table unfinished (mark text)")
        connection.execute("insert into unfinished values ('one')")
        row = connection.execute("select pg_relation_filepath('unfinished')").fetchone()
    assert row is not None
    server, said = own.postgres.find(), list[str]()
    assert server is not None
    server.kill()
    server.wait(30)
    # So does a session that sees the death of its server: it takes back what it was making, and the log of that is lost.
    (own.postgres.place.data / f"{row[0]}_init").unlink()
    again = embedded.up(folder, say=said.append)
    assert any("once more" in line for line in said)
    assert read_mark(again, "unlogged") == (True, b"unlogged")
    with psycopg.connect(again.environment()["database_url"], autocommit=True) as connection:
        assert connection.execute("select count(*) from unfinished").fetchone() == (0,)
        connection.execute("drop table unfinished")


def test_a_pid_file_with_the_pid_of_another_program_is_cleared(own: World, folder: Path) -> None:
    write_marks(own, "reboot")
    embedded.down(folder)
    account = own.postgres.place.account
    with subprocess.Popen(["/bin/sleep", "300"], cwd="/", user=account.uid if account else None) as bystander:
        try:
            lock = own.postgres.place.data / "postmaster.pid"
            lock.write_text(f"{bystander.pid}\n{own.postgres.place.data}\n1700000000\n{own.postgres.port}\n\n127.0.0.1\n")
            for name in ("filer.sock", "s3.sock"):
                (folder / "weed" / name).touch()
            assert read_mark(embedded.up(folder), "reboot") == (True, b"reboot")
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_a_damaged_data_folder_is_named_with_the_way_out(own: World, folder: Path) -> None:
    embedded.down(folder)
    for name in ("PG_VERSION", "global/pg_control"):
        part = own.postgres.place.data / name
        content, owner = part.read_bytes(), part.stat()
        part.unlink()
        with pytest.raises(Problem, match=rf"{name} is missing.*up --reset") as raised:
            embedded.up(folder)
        assert "\n" not in str(raised.value)
        part.write_bytes(content)
        part.chmod(0o600)
        os.chown(part, owner.st_uid, owner.st_gid)
    control = own.postgres.place.data / "global" / "pg_control"
    content = control.read_bytes()
    control.write_bytes(bytes(len(content)))
    with pytest.raises(Problem, match=r"PostgreSQL does not start: .+postgres\.log, or run `creator-reports up --reset`") as raised:
        embedded.up(folder)
    assert "\n" not in str(raised.value)
    control.write_bytes(content)
    embedded.up(folder)


def test_an_initdb_that_was_killed_is_done_again(own: World, folder: Path) -> None:
    embedded.down(folder)
    place = own.postgres.place
    shutil.rmtree(place.data)
    place.data.mkdir()
    (place.base / "postgres.new" / "base").mkdir(parents=True)
    with psycopg.connect(embedded.up(folder).environment()["database_url"]) as connection:
        assert connection.execute("select current_user").fetchone() == ("pipeline",)


@pytest.mark.parametrize("service", ["postgres", "s3"])
def test_a_taken_port_is_named_with_its_owner(own: World, folder: Path, service: str) -> None:
    port = json.loads((folder / "ports.json").read_text())[service]
    embedded.down(folder)
    with (
        listener(port),
        pytest.raises(Problem, match=rf"port {port} .* is taken by .*\(pid {os.getpid()}\).*\"{service}\" port into ports\.json"),
    ):
        embedded.up(folder)
    assert embedded.up(folder).environment() == own.environment()


def test_a_port_written_by_hand_is_taken_over(own: World, folder: Path) -> None:
    write_marks(own, "moved")
    ports_file = folder / "ports.json"
    ports = json.loads(ports_file.read_text())
    ports_file.write_text(json.dumps(ports | {"postgres": ports["postgres"] + 1, "s3": ports["s3"] + 1}))
    world = embedded.up(folder)
    assert (world.postgres.port, world.objectstore.ports["s3"]) == (ports["postgres"] + 1, ports["s3"] + 1)
    assert read_mark(world, "moved") == (True, b"moved")


def test_inner_ports_give_way(own: World, folder: Path) -> None:
    write_marks(own, "inner")
    embedded.down(folder)
    with listener(own.objectstore.ports["master.port"]), listener(own.objectstore.ports["volume.port"]):
        world = embedded.up(folder)
        assert world.environment() == own.environment()
        assert world.objectstore.ports["master.port"] != own.objectstore.ports["master.port"]
        assert read_mark(world, "inner") == (True, b"inner")
        write_marks(world, "inner2")


def test_secrets_are_closed_to_others_and_in_no_log(own: World, folder: Path) -> None:
    secret = [folder / "secrets.json", folder / "weed" / "identities.json", folder / "weed" / "security.toml", *(folder / "logs").iterdir()]
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}
    closed = [folder / "weed", folder / "logs", folder / "objects", own.postgres.place.data]
    assert {path.stat().st_mode & 0o777 for path in closed} == {0o700}
    assert folder.stat().st_mode & 0o066 == 0
    values = json.loads((folder / "secrets.json").read_text()).values()
    seen = "".join(path.read_text(errors="replace") for path in (folder / "logs").iterdir())
    seen += " ".join(word for process in processes(own) for word in process.cmdline())
    assert not [value for value in values if value in seen]


def test_two_ups_at_once_make_one_world_that_outlives_them(tmp_path: Path) -> None:
    folder = tmp_path / "world"
    try:
        both = [
            subprocess.Popen([sys.executable, "-c", UP, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in "12"
        ]
        ends = [(*child.communicate(timeout=90), child.returncode) for child in both]
        assert [code for *_, code in ends] == [0, 0], ends
        assert ends[0][0] == ends[1][0]
        assert [row.state.partition(" (")[0] for row in embedded.status(folder)] == ["running", "running"]
        psycopg.connect(ends[0][0].strip()).close()
    finally:
        embedded.delete(folder)
    assert not folder.exists() or {path.name for path in folder.iterdir()} <= {"world.lock"}


def test_reset_makes_a_new_world_and_deletes_only_its_own(own: World, folder: Path) -> None:
    write_marks(own, "reset")
    (folder / "links.json").write_text("[]")
    old = own.postgres.secrets
    (folder / "secrets.json").write_text("")
    with pytest.raises(Problem, match=r"secrets\.json cannot be read.*up --reset"):
        embedded.up(folder)
    new = embedded.up(folder, reset=True)
    assert (folder / "links.json").exists()
    assert {*old.__dict__.values()}.isdisjoint(new.postgres.secrets.__dict__.values())
    with psycopg.connect(new.environment()["database_url"]) as connection:
        assert connection.execute("select to_regclass('marks')").fetchone() == (None,)
    assert new.objectstore.client().list_objects_v2(Bucket="creator-reports")["KeyCount"] == 0


def test_data_that_may_not_be_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "precious").write_text("x")
    for reset in (False, True):
        with pytest.raises(Problem, match=r"no secrets\.json"):
            embedded.up(tmp_path, reset=reset)
    assert (tmp_path / "postgres" / "precious").read_text() == "x"


def test_a_changed_secret_is_named(own: World, folder: Path) -> None:
    secrets_file = folder / "secrets.json"
    kept = secrets_file.read_text()
    secrets_file.write_text(kept.replace(own.postgres.secrets.superuser_password, "0" * 48))
    with pytest.raises(Problem, match=r"refuses the password in secrets\.json"):
        embedded.up(folder)
    secrets_file.write_text(kept)
    embedded.up(folder)


def test_a_folder_that_was_removed_leaves_no_server_behind(own: World, folder: Path) -> None:
    before = processes(own)
    while folder.exists():  # The servers go on writing.
        shutil.rmtree(folder, ignore_errors=True)
    world = embedded.up(folder)
    assert not {process.pid for process in before} & {process.pid for process in processes(world)}
    assert not [process for process in before if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_a_world_ends_with_the_tests_that_were_killed(tmp_path: Path) -> None:
    folder = tmp_path / "world"
    with subprocess.Popen([sys.executable, "-c", GUARDED, str(folder)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        pids = [int(pid) for pid in child.stdout.readline().split()]
        assert len(pids) == 2
        child.kill()
    for _ in range(600):
        if not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids):
            break
        time.sleep(0.05)
    assert [row.state for row in embedded.status(folder)] == ["stopped", "stopped"]


def test_status_and_down_make_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    assert [row.state for row in embedded.status(folder)] == ["stopped", "stopped"]
    embedded.down(folder)
    assert not folder.exists()


def test_a_disk_that_is_nearly_full_is_named(tmp_path: Path) -> None:
    tiny = tmp_path / "tiny"
    tiny.mkdir()
    own_mounts = ["unshare", "--mount", "--map-root-user"] if os.geteuid() else ["unshare", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*own_mounts, "mount", "-t", "tmpfs", "none", str(tiny)], check=False).returncode:
        pytest.skip("this system does not let us mount a small disk")
    script = 'mount -t tmpfs -o size=64m,mode=755 none "$0" && exec "$1" -c "$2" "$0/world"'
    ended = subprocess.run(
        [*own_mounts, "/bin/sh", "-c", script, str(tiny), sys.executable, UP], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "Problem: the disk of" in ended.stderr
    assert "make room" in ended.stderr
