"""Where a creator's objects lie in the store, held while they are made.

Belongs here: the generation, its revoked keys, the lock. Does not: making a new generation, revoking (revocation), how a key is put together (store).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from pipelines import revocation, warehouse
from pipelines.problem import Problem


@dataclass(frozen=True)
class Place:
    """The generation that is held, and its keys that were revoked and are never given again."""

    creator_id: str
    generation: str
    revoked: set[str]


@contextmanager
def held(log: psycopg.Connection, hold: psycopg.Connection, creator_id: str, *, is_alone: bool) -> Iterator[Place]:
    """The creator's place, held by `hold`'s transaction from the first `started` to the last outcome, so that nobody revokes in between.

    `is_alone`: nobody else makes anything of this creator meanwhile, as an edition wants it: it looks at what was made before. Exports do not, and may
    be made side by side.
    """
    try:
        log.execute("insert into ops.generations (creator_id) values (%s) on conflict do nothing", (creator_id,))
        warehouse.set_role(hold, "publisher")
        row = hold.execute("select generation from ops.generations where creator_id = %s for share", (creator_id,)).fetchone()
        lock = "pg_advisory_xact_lock" if is_alone else "pg_advisory_xact_lock_shared"
        hold.execute(f"select {lock}(hashtextextended(%s, 0))".encode(), (f"creator-reports render {creator_id}",))
        if row is None:
            raise Problem("its generation was removed while rendering; run again.")
        yield Place(creator_id, row[0], revocation.revoked_keys(log, creator_id))
    finally:
        if not hold.closed:
            hold.rollback()
