"""The command line on a platform of its own: what end-to-end tests drive.

Belongs here: starting the program as a user does, and reading what it left. Does not: fixtures (conftest), assertions.
"""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from pipelines.settings import ROOT

PROGRAM = str(Path(sys.executable).parent / "creator-reports")


@dataclass
class Platform:
    """A database, a bucket and a folder, and the variables that point the program at them."""

    folder: Path
    environment: dict[str, str] = field(repr=False)

    def variables(self, **changes: str) -> dict[str, str]:
        """The environment of a child process: this platform, with `changes`."""
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TZ", "TMPDIR"}}
        return kept | self.environment | {"LOCAL_DIR": str(self.folder), "COLUMNS": "200"} | changes

    def start(self, *arguments: str, **changes: str) -> subprocess.Popen[str]:
        """Start the program and do not wait for it."""
        return subprocess.Popen(
            [PROGRAM, *arguments], env=self.variables(**changes), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        with self.start(*arguments, **changes) as process:
            out, err = process.communicate(timeout=500)
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
