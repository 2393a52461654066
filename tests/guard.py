"""Embedded worlds of tests do not outlive them.

Belongs here: the end of a world, however the tests end. Does not: fixtures (conftest).
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.settings import ROOT

DELETE = """
import sys
from pathlib import Path
sys.stdin.read()
from pipelines.local import world
world.delete(Path(sys.argv[1]))
"""


@contextmanager
def guard(folder: Path) -> Iterator[Path]:
    """Stop and delete the world in this folder at the end: after the tests, or when their process is killed.

    A watcher waits for the end of its input, which comes when we close it and when we die.
    """
    watcher = subprocess.Popen([sys.executable, "-c", DELETE, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield folder
    finally:
        watcher.communicate()
        if watcher.returncode:
            raise RuntimeError(f"the world in {folder} was not deleted; see the error above")
