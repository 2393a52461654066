"""The embedded Postgres server: its settings, started and stopped.

Belongs here: the server process. Does not: its data folder (cluster, place), roles and databases (superuser).

It listens on 127.0.0.1 with SCRAM passwords and on no Unix socket, so there is no socket file to go stale.
"""

import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipelines.local.cluster import VERSION, clear_cluster, inspect_cluster, is_complaint, make_cluster
from pipelines.local.keys import Secrets
from pipelines.local.place import Place, make_outside
from pipelines.local.port import require_free
from pipelines.local.process import await_server, explain, find_server, has_ended, read_log, start_server, stop_server
from pipelines.local.superuser import Superuser

_MB = 1024 * 1024
_MEMORY_MB = psutil.virtual_memory().total // _MB

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "150",
    # A server of its own takes a quarter of the machine; this one shares it with everything else on a laptop.
    "shared_buffers": f"{min(max(_MEMORY_MB // 16, 128), 1024)}MB",
    "effective_cache_size": f"{_MEMORY_MB // 4}MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "password_encryption": "scram-sha-256",
    # Many rounds protect weak passwords; ours are random, and each connection would pay for them.
    "scram_iterations": "1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_parameter_max_length_on_error": "0",
}
"""Given at each start, so that a world made by an older version gets them too."""

START_SECONDS, RECOVERY_SECONDS = 5, 600
"""After a crash Postgres replays its log before it answers."""

_LEFT_OVER = re.compile(r'FATAL:  could not create file "base/\d+/\d+": File exists')
"""How a replay ends that meets the file of an unlogged table whose making the crash cut short (reinit.c of Postgres)."""


def find_postgres(data: Path) -> psutil.Process | None:
    """The running server on this data folder, if any."""
    return find_server("postgres", ["-D", str(data)])


def stop_postgres(running: psutil.Process, *, at_once: bool = False) -> None:
    """Stop a server: open transactions are rolled back, all else is kept. `at_once`: without writing down what it holds in memory."""
    stop_server(running, [*([] if at_once else [(signal.SIGINT, 60)]), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)])


@dataclass(frozen=True)
class Postgres:
    """One Postgres server: where it lives, its port, its passwords, its log."""

    folder: Path
    place: Place
    port: int
    secrets: Secrets
    log: Path

    @property
    def superuser(self) -> Superuser:
        """Who makes roles and databases in it."""
        return Superuser(self.port, self.secrets)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def find(self) -> psutil.Process | None:
        """The running server on our data, if any."""
        return find_postgres(self.place.data)

    def is_current(self, running: psutil.Process) -> bool:
        """Whether the server listens on the port that is now remembered."""
        return f"-cport={self.port}" in running.cmdline()

    def require_port(self) -> None:
        """Refuse a port that another program has taken."""
        require_free("PostgreSQL", "postgres", self.port)

    def start(self, say: Callable[[str], None]) -> psutil.Process:
        """Make the data folder if there is none and start the server on it; it does not answer yet.

        Raises:
            Problem: disk full, data damaged.
        """
        make_outside(self.place, self.folder)
        if not self.place.data.exists() or not any(self.place.data.iterdir()):
            say(f"preparing PostgreSQL {VERSION} in {self.place.data}")
            make_cluster(self.place, self.secrets.superuser_password, self.log)
        inspect_cluster(self.place.data)
        clear_cluster(self.place.data)
        say(f"starting PostgreSQL {VERSION} on {self.address}")
        return self._start_server()

    def _start_server(self) -> psutil.Process:
        options = [f"-c{name}={value}" for name, value in (SETTINGS | {"port": str(self.port)} | shared_memory()).items()]
        return start_server(
            [str(self.place.programs() / "postgres"), "-D", str(self.place.data), *options],
            folder=Path("/"),
            log=self.log,
            environment={"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
            account=self.place.account,
        )

    def await_answer(self, running: psutil.Process, say: Callable[[str], None]) -> None:
        """Wait until the server takes connections; after a crash it replays its log first.

        Raises:
            Problem: the server ended, or does not come up.
        """
        if self._comes_up(running, say):
            return
        # A crash while an unlogged table was made can leave its file, on which the end of the replay stumbles; the next start clears it away.
        if any(map(_LEFT_OVER.search, read_log(self.log))):
            say("starting PostgreSQL once more: its first replay after the crash met a file of an unfinished table")
            if self._comes_up(self._start_server(), say):
                return
        raise explain("PostgreSQL", self.log, is_complaint)

    def _comes_up(self, running: psutil.Process, say: Callable[[str], None]) -> bool:
        if await_server(running, self.superuser.is_answered, START_SECONDS):
            return True
        if not has_ended(running):
            say("waiting for PostgreSQL: it replays its log after a crash")
        return await_server(running, self.superuser.is_answered, RECOVERY_SECONDS)


def shared_memory() -> dict[str, str]:
    """Containers often have a tiny /dev/shm, in which parallel queries would run out of room."""
    folder = Path("/dev", "shm")
    if folder.is_dir() and shutil.disk_usage(folder).total < 512_000_000:
        return {"dynamic_shared_memory_type": "mmap"}
    return {}
