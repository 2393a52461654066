"""Starting `creator-reports`: as a user does, or in a child of a process that has everything imported.

Belongs here: processes, what they print and how they end. Does not: what they are pointed at (tests/platform.py), the process that forks (tests/warm_start.py).
"""

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from pipelines.settings import ROOT

PROGRAM = str(Path(sys.executable).parent / "creator-reports")
SERVER = "import sys; from tests import warm_start; warm_start.main(int(sys.argv[1]))"
KEPT = {"PATH", "HOME", "LANG", "TZ", "TMPDIR"}
"""Variables of the tests' own environment that reach the program."""


class Process(Protocol):
    """The part of `subprocess.Popen` that tests use."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...

    def communicate(self, *, timeout: float | None = None) -> tuple[str, str]: ...


class Program(Protocol):
    """A way to start the program; both ways are in the project's folder."""

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Process: ...


class Cold:
    """As a user does: a new interpreter, which imports everything."""

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Process:
        """Start the program and do not wait for it."""
        return subprocess.Popen([PROGRAM, *arguments], env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Warm:
    """In a child of a process that has everything imported."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Process:
        """Start the program and do not wait for it."""
        request = json.dumps({"arguments": arguments, "environment": dict(environment)}).encode()
        status, told = os.pipe()
        out, err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115  what is printed outlives this function
        try:
            socket.send_fds(self._requests, [request], [out.fileno(), err.fileno(), told])
        finally:
            os.close(told)
        return _Child(os.fdopen(status, "rb", 0), out, err)


@contextmanager
def warm() -> Iterator[Warm]:
    """The process that has everything imported; it ends with the block, and when our own process does."""
    requests, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    environment = {name: value for name, value in os.environ.items() if name in KEPT}
    with theirs:
        command = [sys.executable, "-c", SERVER, str(theirs.fileno())]
        server = subprocess.Popen(command, env=environment, cwd=ROOT, pass_fds=[theirs.fileno()])
    try:
        yield Warm(requests)
    finally:
        requests.close()
        server.wait()


class _Child:
    """A program that was started warm. Its output is kept in files: it never waits for a reader."""

    def __init__(self, status: IO[bytes], out: IO[bytes], err: IO[bytes]) -> None:
        self._status, self._out, self._err = status, out, err
        self.returncode: int | None = None
        self.pid = self._next_number()

    def _next_number(self) -> int:
        line = self._status.readline()
        if not line:
            raise RuntimeError("the process that starts the program ended; what it said stands above")
        return int(line)

    def poll(self) -> int | None:
        """The exit code, negative after a signal; None while the program runs."""
        return self._wait(0)

    def communicate(self, *, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end; what was printed to standard output and standard error."""
        if self._wait(timeout) is None:
            raise subprocess.TimeoutExpired("creator-reports", timeout or 0, *(self._read(file) for file in (self._out, self._err)))
        return self._read(self._out).decode(), self._read(self._err).decode()

    def _wait(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            self.returncode = self._next_number()
        return self.returncode

    @staticmethod
    def _read(file: IO[bytes]) -> bytes:
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
