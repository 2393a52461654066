"""The data folder of Postgres (its "cluster"): made, looked into, cleared of what a crash left.

Belongs here: what is done to the folder while no server of ours runs on it. Does not: the server (postgres), where the folder lies (place).
"""

import os
import shutil
import signal
import time
from pathlib import Path

import psutil

from pipelines.local.folder import RESET
from pipelines.local.place import Place
from pipelines.local.process import explain, has_ended, run_program, stop_server
from pipelines.problem import Problem

VERSION = "18"

ORPHAN_SECONDS = 10


def make_cluster(place: Place, password: str, log: Path) -> None:
    """Run initdb beside the data's place and move the result there: what lies there was finished once.

    Raises:
        Problem: disk full, folder closed to the account, initdb failed.
    """
    new, password_file = place.base / "postgres.new", place.base / "postgres.password"
    account = place.account
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        password_file.unlink(missing_ok=True)
        with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password)
        if account:
            os.chown(new, account.uid, account.gid)
            os.chown(password_file, account.uid, account.gid)
        options = ["-D", str(new), "-U", "postgres", "--pwfile", str(password_file), "--auth=scram-sha-256", "--data-checksums"]
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        ended = run_program([str(place.programs() / "initdb"), *options, *locale], account)
        if ended.returncode:
            shutil.rmtree(new, ignore_errors=True)
            log.write_text(ended.stdout + ended.stderr)
            raise explain("PostgreSQL", log, is_complaint)
        new.replace(place.data)
    except OSError as error:
        reason = error.strerror
        raise Problem(f"{place.base} cannot hold PostgreSQL's data ({reason}); make room or rights for it, then try again.") from None
    finally:
        password_file.unlink(missing_ok=True)


def inspect_cluster(data: Path) -> None:
    """Look whether the data folder is whole enough to be started.

    Raises:
        Problem: it is not whole, or of another version.
    """
    lacking = [name for name in ("PG_VERSION", "global/pg_control", "base", "pg_wal") if not (data / name).exists()]
    if lacking:
        raise Problem(f"{data} is not a whole PostgreSQL data folder ({lacking[0]} is missing); put a copy of it back, {RESET}.")
    version = (data / "PG_VERSION").read_text().strip()
    if version != VERSION:
        raise Problem(f"{data} was made by PostgreSQL {version or '?'}, this is {VERSION}; move its databases with pg_dump, {RESET}.")


def clear_cluster(data: Path) -> None:
    """Clear away what a crash or a reboot left: processes of a killed server, and its lock file.

    Raises:
        Problem: a server that we did not start runs on the data.
    """
    left = [process for process in psutil.process_iter(["name"]) if process.info["name"] == "postgres" and uses(process, data)]
    for process in left:
        if not is_child(process):
            todo = "stop it, then run this again"
            raise Problem(f"PostgreSQL runs on {data} already (pid {process.pid}), not started by this command; {todo}.")
    # They see the death of their server and end, and hold its memory until then.
    end = time.monotonic() + ORPHAN_SECONDS
    while (left := [process for process in left if not has_ended(process)]) and time.monotonic() < end:
        time.sleep(0.02)
    for process in left:
        stop_server(process, [(signal.SIGQUIT, 10), (signal.SIGKILL, 10)])
    # After a reboot the pid in it may belong to another program of the same user: Postgres would then refuse to start.
    (data / "postmaster.pid").unlink(missing_ok=True)


def is_complaint(line: str) -> bool:
    """Whether a line of initdb or of the server says why it gives up."""
    return any(word in line for word in ("PANIC:", "FATAL:", "error:"))


def uses(process: psutil.Process, data: Path) -> bool:
    """Whether a process works in this data folder: every process of a Postgres server does."""
    try:
        return process.cwd() == str(data)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def is_child(process: psutil.Process) -> bool:
    """Whether it is a helper of a Postgres server: those rewrite their title."""
    try:
        return (process.cmdline() or ["postgres:"])[0].startswith("postgres:")
    except psutil.NoSuchProcess:
        return True
