"""What hourly runs over a made-up platform's past would have left in the warehouse: `load demo --history`.

Belongs here: which files write it, and whether it may be written. Does not: the platform's rows (demo.py), the rules of the ledger (pipelines/ledger.py).

demo_states.sql says what the platform was like at each hour of its past, demo_history.sql books that as hourly runs would have: the ledger, its
beginning, the creators' zones. All other tables follow from these and the source, so the first run on the loaded platform makes them.
"""

import psycopg

from pipelines.problem import Problem

FILLS = (("past states", "demo_states.sql"), ("ledger of the past hours", "demo_history.sql"))
"""Files that write the history, once the platform's own rows are there."""

LEDGER = ("raw.watch_gains", "raw.ledger_opening", "raw.creator_zones")


def is_unwritten(connection: psycopg.Connection) -> bool:
    """Whether this database has the tables of a ledger, and no row in them: nothing but a ledger of our own can then be written over."""
    for table in LEDGER:
        if connection.execute("select to_regclass(%s)", [table]).fetchone() == (None,):
            return False
        if connection.execute(f"select exists (select from {table})".encode()).fetchone() == (True,):
            return False
    return True


def require_unwritten(connection: psycopg.Connection) -> None:
    """A Problem unless a history can be written here: a ledger that runs have begun is never replaced."""
    if not is_unwritten(connection):
        raise Problem(
            "--history writes a ledger, and this database holds one already, or has no place for it;"
            " use a new database after `creator-reports init-db`, with the source in it (no SOURCE_URL), or `creator-reports up --reset`."
        )
