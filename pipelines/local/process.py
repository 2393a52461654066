"""Server processes: find, start detached, stop by pid; what a log complains of.

Belongs here: what both servers need from the operating system. Does not: what a server is told (postgres, objectstore), ports (port).

A server is known by its program and by the data folder among its arguments, not by a pid file: after a crash or a reboot
a remembered pid may belong to anybody.
"""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipelines.local.folder import RESET
from pipelines.problem import Problem

LOG_BYTES = 10_000_000
"""A longer log is set aside at the next start; one older log is kept."""

START_LINE = "---- started by creator-reports ----"
"""Stands in a log before the words of each start."""

_started: list[subprocess.Popen[bytes]] = []
"""Kept so that Python does not warn about children that are meant to outlive us."""


@dataclass(frozen=True)
class Account:
    """The user that a server runs as when we are root."""

    name: str
    uid: int
    gid: int


def find_server(program: str, marks: Sequence[str]) -> psutil.Process | None:
    """The running process of this program that has all the marks among its arguments."""
    for process in psutil.process_iter(["cmdline", "status"]):
        arguments = process.info["cmdline"] or []
        is_program = arguments and Path(arguments[0]).name == program
        if is_program and all(mark in arguments for mark in marks) and process.info["status"] != psutil.STATUS_ZOMBIE:
            return process
    return None


def start_server(
    arguments: Sequence[str], *, folder: Path, log: Path, environment: Mapping[str, str], account: Account | None = None
) -> psutil.Process:
    """Start a server in a session of its own, so that it outlives us and Ctrl-C does not reach it. Its output goes to the log.

    Raises:
        Problem: the log cannot be written or the program not executed.
    """
    try:
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_name(log.name + ".1"))
        log.touch(mode=0o600)
        with log.open("ab") as output:
            output.write(f"{START_LINE}\n".encode())
            output.flush()
            child = subprocess.Popen(
                arguments,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
    except OSError as error:
        raise Problem(f"{Path(arguments[0]).name} cannot be started ({error}); mend that, then run the command again.") from None
    _started.append(child)
    return psutil.Process(child.pid)


def run_program(arguments: Sequence[str], account: Account | None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as the account (or as we are), with nothing of our environment.

    Raises:
        OSError: it cannot be executed.
    """
    return subprocess.run(
        arguments,
        cwd="/",
        env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        umask=0o077,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def stop_server(process: psutil.Process, steps: Sequence[tuple[int, float]]) -> None:
    """Stop a server: send each signal in turn and wait its seconds, until the process has ended.

    Raises:
        Problem: it outlived all of them, or is not ours to stop.
    """
    for signal, seconds in steps:
        try:
            process.send_signal(signal)
        except psutil.NoSuchProcess:
            return
        except psutil.AccessDenied:
            raise Problem(f"process {process.pid} belongs to another user and cannot be stopped; run the command as that user.") from None
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if has_ended(process):
                return
            time.sleep(0.02)
    raise Problem(f"process {process.pid} does not end; stop it yourself, then run the command again.")


def await_server(running: psutil.Process, answers: Callable[[], bool], seconds: float) -> bool:
    """Ask every 50 ms until the server answers. False when it ended, or when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answers():
            return True
        if has_ended(running):
            return False
        time.sleep(0.05)
    return False


def has_ended(process: psutil.Process) -> bool:
    """Whether the process is gone, or only waits for its parent to take note (which the first process of a container may never do)."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def explain(title: str, log: Path, is_complaint: Callable[[str], bool]) -> Problem:
    """Why a server did not start, in one line: a full disk by name, else the last complaint in its log since that start."""
    lines = read_log(log)
    if any("no space left on device" in line.lower() for line in lines):
        return Problem(f"{title} does not start: the disk is full; make room, then run the command again.")
    said = [line for line in lines if is_complaint(line)] or [line for line in lines if line.strip()] or ["it said nothing"]
    reason = said[-1].split(":  ")[-1].split("] ", 1)[-1].strip()[:200]
    return Problem(f"{title} does not start: {reason}; see {log}, {RESET}.")


def read_log(log: Path) -> list[str]:
    """The lines of a log since the last start, at most the last 64 kB of them."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 65536))
        return file.read().decode(errors="replace").rpartition(START_LINE)[2].splitlines()
