"""The embedded world: a Postgres and an S3 server of our own, as one thing that is up or down.

Belongs here: the order of things, and what the rest of the project sees of them.
Does not: how each server is run (postgres, objectstore), what is remembered (folder).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from pipelines.local.bucket import REGION
from pipelines.local.disk import require_space
from pipelines.local.folder import Folder
from pipelines.local.objectstore import BUCKET, INNER_PORTS, LEDGER_BUCKET, ObjectStore, find_objectstore, stop_objectstore
from pipelines.local.place import delete_outside, find_place, outside_of
from pipelines.local.port import comes_free, has_free_twin
from pipelines.local.postgres import Postgres, find_postgres, stop_postgres

SERVICES = ("postgres", "s3", *INNER_PORTS)


class Service(NamedTuple):
    """A server as `creator-reports status` shows it."""

    name: str
    state: str
    address: str


@dataclass(frozen=True)
class World:
    """The running world: addresses and keys for the rest of the project."""

    folder: Folder
    postgres: Postgres
    objectstore: ObjectStore

    def environment(self) -> dict[str, str]:
        """Values for the fields of `Settings`."""
        secrets = self.postgres.secrets
        return {
            "database_url": self.postgres.superuser.url("pipeline", secrets.pipeline_password),
            "s3_endpoint_url": self.objectstore.address,
            "s3_bucket": BUCKET,
            "ledger_bucket": LEDGER_BUCKET,
            "aws_access_key_id": secrets.s3_access_key,
            "aws_secret_access_key": secrets.s3_secret_key,
            "aws_region": REGION,
            # Half a minute: somebody is waiting.
            "question_careful_texts": "1000",
        }

    @property
    def bi_url(self) -> str:
        """Where a BI tool connects: login `bi`, member of `bi_reader`."""
        return self.postgres.superuser.url("bi", self.postgres.secrets.bi_password)

    def create_database(self, name: str) -> str:
        """A new empty database owned by `pipeline`; its URL for that role.

        Raises:
            Problem: it exists already.
        """
        return self.postgres.superuser.create_database(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, whoever is connected to it."""
        self.postgres.superuser.drop_database(name)


def be_silent(_: str) -> None:
    """Say nothing."""


def exists(folder: Path) -> bool:
    """Whether a world was ever started in this folder."""
    return (folder / "secrets.json").exists()


def up(folder: Path, *, reset: bool = False, say: Callable[[str], None] = be_silent) -> World:
    """Start what does not run yet, in this folder; `reset` deletes all its data first. Servers outlive the caller.

    Raises:
        Problem: one line on what is wrong (port taken, disk full, data damaged, folder not ours) and what to do.
    """
    home = Folder(folder.resolve())
    if not home.is_ours:
        home.make()
    with home.lock():
        if reset:
            _delete(home, say)
        elif not home.is_ours:
            _forget_removed(home, say)
        home.make()
        world = _start(home, say)
        world.postgres.superuser.prepare()
        world.objectstore.prepare()
        return world


def down(folder: Path, *, say: Callable[[str], None] = be_silent) -> None:
    """Stop what runs in this folder. All data stays.

    Raises:
        Problem: a server does not end, or the folder is another user's.
    """
    home = Folder(folder.resolve())
    if home.is_ours:
        with home.lock():
            _stop(home, say)
    else:
        _stop(home, say)


def delete(folder: Path) -> None:
    """Stop what runs in this folder and delete all of its data (what `up --reset` does before it starts anew).

    Raises:
        Problem: the folder holds data that may not be ours.
    """
    home = Folder(folder.resolve())
    if home.path.exists():
        with home.lock():
            _delete(home, be_silent)


def status(folder: Path) -> list[Service]:
    """Each server, its state with its pid, its address. Starts and writes nothing."""
    home = Folder(folder.resolve())
    if not home.is_ours or not home.ports_file.exists():
        return [Service("PostgreSQL", "stopped", "-"), Service("SeaweedFS (S3)", "stopped", "-")]
    ports = home.ports(SERVICES)
    servers = (("PostgreSQL", _find_postgres(home), f"127.0.0.1:{ports['postgres']}"),)
    servers += (("SeaweedFS (S3)", find_objectstore(home.path / "objects"), f"http://127.0.0.1:{ports['s3']}"),)
    return [Service(name, f"running (pid {running.pid})" if running else "stopped", address) for name, running, address in servers]


def _start(home: Folder, say: Callable[[str], None]) -> World:
    """Start the servers that do not run, or that listen on another port than the one remembered; wait until both answer."""
    secrets = home.secrets()
    ports = home.ports(SERVICES)
    if not find_objectstore(home.path / "objects") and not comes_free([ports[name] for name in INNER_PORTS]):
        home.forget_ports([name for name in INNER_PORTS if not has_free_twin(ports[name])])
        ports = home.ports(SERVICES)
    postgres = Postgres(home.path, find_place(home.path), ports["postgres"], secrets, home.logs / "postgres.log")
    objectstore = ObjectStore(home, ports, secrets)
    found: list[tuple[Postgres | ObjectStore, psutil.Process | None]] = []
    for server, stop in ((postgres, stop_postgres), (objectstore, stop_objectstore)):
        running = server.find()
        if running and not server.is_current(running):
            say(f"stopping process {running.pid}: ports.json gives it another port")
            stop(running)
            running = None
        if not running:
            server.require_port()
            require_space(home.path, postgres.place.base)
        found.append((server, running))
    started = [(server, running or server.start(say)) for server, running in found]
    for server, running in started:
        server.await_answer(running, say)
    return World(home, postgres, objectstore)


def _find_postgres(home: Folder) -> psutil.Process | None:
    """The running Postgres of this folder, wherever its data lies, even when the folder is damaged."""
    return find_postgres(home.path / "postgres") or find_postgres(outside_of(home.path) / "postgres")


def _stop(home: Folder, say: Callable[[str], None]) -> None:
    """Stop both servers, even when the files in the folder are damaged: they are found by their data folders."""
    is_removed = not home.is_ours  # Then they have nowhere to write to, and would try for long.
    if running := find_objectstore(home.path / "objects"):
        say("stopping SeaweedFS")
        stop_objectstore(running, at_once=is_removed)
    if running := _find_postgres(home):
        say("stopping PostgreSQL")
        stop_postgres(running, at_once=is_removed)


def _forget_removed(home: Folder, say: Callable[[str], None]) -> None:
    """If the folder was removed while its servers ran: stop them, and delete what they wrote since or what lies outside of it."""
    if any((home.path / name).exists() for name in ("postgres", "ports.json")):
        return  # Only the secrets are gone: that is no removed folder, and its data is not deleted.
    if find_objectstore(home.path / "objects") or _find_postgres(home):
        _stop(home, say)
        home.delete()
    delete_outside(home.path)


def _delete(home: Folder, say: Callable[[str], None]) -> None:
    """Stop both servers and delete the data inside the folder and outside of it."""
    _stop(home, say)
    home.require_ours()
    say(f"deleting the embedded data in {home.path}")
    delete_outside(home.path)
    home.delete()
