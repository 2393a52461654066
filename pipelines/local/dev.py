"""`creator-reports dev`: code server, webserver and daemon of Dagster as children of this process, until Ctrl-C.

Belongs here: starting, watching and stopping them. Does not: the embedded servers (world), what Dagster runs.
"""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines import console, instance, warehouse
from pipelines.problem import Problem, UsageProblem
from pipelines.settings import ROOT, Settings, export_environment

_PATIENCE_SECONDS = 120
_WORKSPACE = str(ROOT / "workspace.yaml")


def serve(settings: Settings, port: int | None) -> None:
    """Run the three processes; print where they are; stop them all on Ctrl-C or SIGTERM, or when one of them ends. A second `dev` is refused."""
    with _only_one(settings.local_dir):
        _serve(settings, port)


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Two daemons on the same tables would start each scheduled run twice. The lock ends with its process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "dev.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UsageProblem(
                f"`creator-reports dev` runs already on {folder.resolve()}: process {file.read() or 'unknown'}; stop that one first."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _serve(settings: Settings, port: int | None) -> None:
    port, code_port = _free_port(port), _any_port()
    instance.open_instance(settings).dispose()  # makes Dagster's tables before three processes race to
    export_environment({**instance.environment(settings), "CODE_SERVER_PORT": str(code_port)})
    logs = settings.dagster_folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _interrupt)
    with contextlib.ExitStack() as stack:
        children: dict[str, subprocess.Popen[bytes]] = {}
        code = ["dagster", "code-server", "start", "-m", "pipelines.definitions", "-h", "127.0.0.1", "-p", str(code_port)]
        web = ["dagster-webserver", "-w", _WORKSPACE, "-h", "127.0.0.1", "-p", str(port)]
        commands = {"code-server": code, "webserver": web, "daemon": ["dagster-daemon", "run", "-w", _WORKSPACE]}
        for name, command in commands.items():
            children[name] = stack.enter_context(_child(command, logs / f"{name}.log"))
            if name == "code-server":
                _wait(children, lambda: _is_open(code_port), logs)
        _wait(children, lambda: _answers(port), logs)
        _print_addresses(settings, port, logs)
        try:
            while all(child.poll() is None for child in children.values()):
                time.sleep(0.5)
            raise Problem(_ended(children, logs))
        except KeyboardInterrupt:
            console.say("stopping …")
    console.say("Dagster is stopped. The embedded servers, if any, stay up; `creator-reports down` stops them.")


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _child(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a session of its own (so that Ctrl-C reaches us alone, and its own children can be stopped with it)."""
    with log.open("ab") as output:
        program = str(Path(sys.executable).parent / command[0])
        started = [sys.executable, "-m", "pipelines.local.dev_child", program, *command[1:]]
        child = subprocess.Popen(started, stdout=output, stderr=output, stdin=subprocess.PIPE, start_new_session=True, cwd=ROOT)
    with child:  # its standard input stays open until it is stopped: that we are there is all that it says
        try:
            yield child
        finally:
            _stop(child)


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started: first politely, after 15 seconds for good."""
    for number, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            child.poll()
            if not _group_lives(child.pid):
                return
            time.sleep(0.1)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _wait(children: dict[str, subprocess.Popen[bytes]], is_ready: Callable[[], bool], logs: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_ready():
        if any(child.poll() is not None for child in children.values()):
            raise Problem(_ended(children, logs))
        if time.monotonic() > deadline:
            raise Problem(f"Dagster did not start within {_PATIENCE_SECONDS} s; see the logs in {logs}.")
        time.sleep(0.2)


def _ended(children: dict[str, subprocess.Popen[bytes]], logs: Path) -> str:
    name = next(name for name, child in children.items() if child.poll() is not None)
    return f"Dagster's {name} ended with exit code {children[name].returncode}; see {logs / name}.log."


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _free_port(wanted: int | None) -> int:
    if wanted is not None:
        if _is_open(wanted):
            raise UsageProblem(f"port {wanted} is taken; give another one with --port, or none to have one found.")
        return wanted
    return next((port for port in range(3000, 3020) if not _is_open(port)), None) or _any_port()


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _print_addresses(settings: Settings, port: int, logs: Path) -> None:
    rows = [
        ("Dagster UI", f"http://127.0.0.1:{port}"),
        ("Postgres", warehouse.describe(settings.require_database_url().get_secret_value())),
        ("S3", f"{settings.s3_endpoint_url or 'AWS'} (buckets {settings.s3_bucket} and {settings.ledger_bucket})"),
        ("logs", str(logs)),
    ]
    console.show_table(["what", "where"], rows, is_whole=True)
    console.say("schedules are running; Ctrl-C stops Dagster")
