"""The folder of the embedded world: its files, and the ports and secrets in them.

Belongs here: what is remembered between two starts, and which names below the folder are ours to delete.
Does not: starting anything (postgres, objectstore), nor the order of things (world).
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipelines.local.keys import Secrets, write_private
from pipelines.local.port import choose_port
from pipelines.problem import Problem

DATA = ("postgres", "objects")

OURS = (
    *DATA,
    *(f"{name}.removed" for name in DATA),
    "postgres.new",
    "postgres.password",
    "binaries",
    "weed",
    "logs",
    "ports.json",
    "secrets.json",
)
"""All that the world keeps below its folder. `up --reset` deletes these names and nothing else."""

RESET = "or run `creator-reports up --reset` (deletes the embedded data)"

LOCK_SECONDS = 180
"""How long a second `up` or `down` waits for the first."""


@dataclass(frozen=True)
class Folder:
    """The world's folder. Nothing is written before `make`."""

    path: Path

    @property
    def secrets_file(self) -> Path:
        """Its presence says that the folder is ours."""
        return self.path / "secrets.json"

    @property
    def ports_file(self) -> Path:
        """People may edit it: a port number per service."""
        return self.path / "ports.json"

    @property
    def logs(self) -> Path:
        """What the servers say."""
        return self.path / "logs"

    @property
    def is_ours(self) -> bool:
        """Whether a world was made here.

        Raises:
            Problem: it was made by another user, or cannot be looked into.
        """
        try:
            owner = self.secrets_file.stat().st_uid
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise Problem(f"{self.path} cannot be read ({error.strerror}); set LOCAL_DIR to a folder of your own.") from None
        if owner != os.geteuid():
            raise Problem(f"{self.path} was made by user id {owner}; run this command as that user, or set LOCAL_DIR to another folder.")
        return True

    def make(self) -> None:
        """Create the folder, closed to others. One that holds other things keeps its mode: all of ours in it is closed by itself."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not any(entry.name != "world.lock" for entry in self.path.iterdir()):
                # As root, Postgres runs as another user and must pass through; nobody can list the folder, and its files are closed.
                self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
            self.logs.mkdir(mode=0o700, exist_ok=True)
            for name in DATA:
                shutil.rmtree(self.path / f"{name}.removed", ignore_errors=True)
        except OSError as error:
            reason = error.strerror
            raise Problem(f"{self.path} cannot hold the embedded world ({reason}); set LOCAL_DIR to a folder of your own.") from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One `up` or `down` at a time; a second one waits.

        Raises:
            Problem: the first did not end in three minutes.
        """
        lock = FileLock(self.path / "world.lock", timeout=LOCK_SECONDS, mode=0o600)
        try:
            lock.acquire()
        except Timeout:
            raise Problem(f"another command has held {lock.lock_file} for {LOCK_SECONDS} s; end it, then run this one.") from None
        except OSError as error:
            raise Problem(f"{lock.lock_file} cannot be written ({error.strerror}); make room or rights for it.") from None
        try:
            yield
        finally:
            lock.release()

    def secrets(self) -> Secrets:
        """The secrets of this world, made at the first call.

        Raises:
            Problem: the file cannot be read, or the data is there without it.
        """
        if not self.is_ours:
            left = [name for name in (*DATA, "ports.json") if (self.path / name).exists()]
            if left:
                raise Problem(f"{self.path} holds '{left[0]}' but no secrets.json; put that file back, or move {', '.join(left)} away.")
            write_private(self.secrets_file, json.dumps(asdict(Secrets.make()), indent=1) + "\n")
        try:
            return Secrets(**json.loads(self.secrets_file.read_text()))
        except (ValueError, TypeError, OSError):
            raise Problem(f"{self.secrets_file} cannot be read; put it back, {RESET}.") from None

    def ports(self, services: tuple[str, ...]) -> dict[str, int]:
        """The remembered port of each service; free ones are chosen, and remembered, for those that have none.

        Raises:
            Problem: the file cannot be read.
        """
        try:
            known: dict[str, Any] = json.loads(self.ports_file.read_text()) if self.ports_file.exists() else {}
            ports = {service: int(known[service]) for service in services if service in known}
            if not all(0 < port < 65536 for port in ports.values()):
                raise ValueError
        except (ValueError, TypeError, OSError):
            raise Problem(f"{self.ports_file} is no list of ports; delete it, and free ports are chosen again.") from None
        missing = [service for service in services if service not in ports]
        for service in missing:
            ports[service] = choose_port(set(ports.values()))
        if missing:
            write_private(self.ports_file, json.dumps(ports, indent=1) + "\n")
        return ports

    def forget_ports(self, services: list[str]) -> None:
        """Let other ports be chosen for services that nobody outside knows."""
        known = json.loads(self.ports_file.read_text())
        write_private(self.ports_file, json.dumps({name: port for name, port in known.items() if name not in services}, indent=1) + "\n")

    def require_ours(self) -> None:
        """Refuse to delete what may not be ours.

        Raises:
            Problem: the folder holds data, but no world of ours was made here.
        """
        data = [name for name in DATA if os.path.lexists(self.path / name)]
        if data and not self.is_ours:
            raise Problem(
                f"{self.path} has no secrets.json, so '{data[0]}' may not be ours and nothing was deleted; move it away yourself."
            )

    def delete(self) -> None:
        """Delete all that is ours below the folder, the secrets last: killed halfway, the folder is still known as ours.

        Data is first put aside under another name, so that nobody ever starts a server on half of it.
        """
        for name in DATA:
            if os.path.lexists(self.path / name):
                shutil.rmtree(self.path / f"{name}.removed", ignore_errors=True)
                (self.path / name).replace(self.path / f"{name}.removed")
        for entry in (self.path / name for name in OURS if os.path.lexists(self.path / name)):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
