"""The command line on a platform of its own: what end-to-end tests drive.

Belongs here: running the program on a platform, and reading what it left. Does not: how it is started (tests/program.py), fixtures (conftest), assertions.
"""

import os
import signal
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import psycopg

from pipelines import warehouse
from pipelines.catalog import load_catalog
from pipelines.settings import Settings
from tests import steps
from tests.program import KEPT, Cold, Process, Program


@dataclass
class Platform:
    """A database, a bucket and a folder, the variables that point the program at them, and the way in which it is started."""

    folder: Path
    environment: dict[str, str] = field(repr=False)
    program: Program

    def cold(self) -> Self:
        """The same platform, on which the program is started as a user does."""
        return replace(self, program=Cold())

    def spare_dbt(self) -> None:
        """Prepare the database, and lend it compiled SQL: for tests that are about later things than a first run."""
        settings = Settings(_env_file=None, **{name.lower(): value for name, value in self.environment.items()})  # pyrefly: ignore
        warehouse.init_db(settings)
        steps.lend_compiled(settings, load_catalog())

    def variables(self, **changes: str) -> dict[str, str]:
        """The environment of a child process: this platform, with `changes`."""
        kept = {name: value for name, value in os.environ.items() if name in KEPT}
        return kept | self.environment | {"LOCAL_DIR": str(self.folder), "COLUMNS": "200"} | changes

    def start(self, *arguments: str, **changes: str) -> Process:
        """Start the program and do not wait for it."""
        return self.program.start(arguments, self.variables(**changes))

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        process = self.start(*arguments, **changes)
        try:
            out, err = process.communicate(timeout=500)
        except BaseException:
            os.kill(process.pid, signal.SIGKILL)
            raise
        assert process.returncode is not None
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def succeed(self, *arguments: str, **changes: str) -> str:
        """Run the program, expect exit code 0, return what it printed."""
        done = self.run(*arguments, **changes)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def fetch(self, query: str) -> list[tuple]:
        """Rows of a query, as the pipeline's own role."""
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            return connection.execute(query.encode()).fetchall()
