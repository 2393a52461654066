"""A process whose children do whole runs and may be killed at any moment, as `python -m tests.torture_child`.

Belongs here: a run with everything that writes (read, book, build, publish, render, save), and who does it. Does not: killing, and what is true after it
(tests/test_torture.py).

It reads lines of JSON: `settings` (of a database and two buckets) and `as_of`. It answers each with two lines: the pid of the child that runs, and, once that
one ended, its status as the system gives it. The children start warm, and what they have to say goes to the file named by the first argument.
"""

import json
import os
import sys
import traceback
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines import keeping, warehouse
from pipelines.catalog import load_catalog
from pipelines.settings import Settings
from tests import steps
from tests.deliveries import deliver

CATALOG = load_catalog()


def run(request: dict[str, Any]) -> None:
    """Everything that an hour and a night write, for all creators."""
    settings = Settings(_env_file=None, **request["settings"])
    steps.run(settings, CATALOG, datetime.fromisoformat(request["as_of"]), is_tested=False)
    with warehouse.connect(settings) as connection:
        creators = [row[0] for row in connection.execute("select id from raw.creators order by id")]
    tally = deliver(settings, *creators)
    assert not tally.problems, tally.problems
    keeping.save(settings, CATALOG)


def run_in_child(request: dict[str, Any]) -> None:
    """Fork, say who runs, and how it ended."""
    child = os.fork()
    if child == 0:
        with Path(sys.argv[1]).open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        try:
            run(request)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    print(json.dumps(child), flush=True)
    print(json.dumps(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    for line in sys.stdin:
        run_in_child(json.loads(line))
