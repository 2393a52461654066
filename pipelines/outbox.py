"""The outbox (`ops.outbox`): one row per creator, edition and local date, with what became of that morning's mail.

Belongs here: writing and reading that table. Does not: sending (delivery). It holds keys of objects, never links or addresses.
"""

import hashlib
from datetime import UTC, date, datetime

import psycopg

from pipelines.letters import Told
from pipelines.mornings import Edition, Morning


def settle(
    connection: psycopg.Connection,
    morning: Morning,
    status: str,
    reason: str | None,
    told: Told | None = None,
    object_key: str | None = None,
    link_ends_at: datetime | None = None,
) -> None:
    """The morning's row with its outcome, or the next vain attempt; a mail that was sent stays sent."""
    connection.execute(
        """insert into ops.outbox as known (creator_id, edition, local_on, message_id, status, reason, attempt_count, object_key, link_ends_at,
               told_through, told_quizzes_through, ended_at)
           values (%s, %s, %s, %s, %s, %s, 1, %s, %s, %s, %s, %s)
           on conflict (creator_id, edition, local_on) do update set status = excluded.status, reason = excluded.reason,
               attempt_count = known.attempt_count + 1, object_key = excluded.object_key, link_ends_at = excluded.link_ends_at,
               told_through = excluded.told_through, told_quizzes_through = excluded.told_quizzes_through, ended_at = excluded.ended_at
           where known.status = 'waiting'""",
        (
            *(morning.creator_id, morning.edition, morning.local_on),
            *(message_id(morning.creator_id, morning.edition, morning.local_on), status, reason, object_key, link_ends_at),
            *((told.through, told.quizzes_through) if told else (None, None)),
            None if status == "waiting" else datetime.now(UTC),
        ),
    )


def message_id(creator_id: str, edition: Edition, local_on: date) -> str:
    """The left part of a mail's Message-ID: the same whenever the same mail is tried again."""
    return hashlib.sha256(f"{creator_id} {edition} {local_on}".encode()).hexdigest()[:40]


def is_settled(connection: psycopg.Connection, morning: Morning) -> bool:
    """Whether the creator's mail of that day has had its outcome."""
    query = "select 1 from ops.outbox where creator_id = %s and local_on = %s and status <> 'waiting'"
    return connection.execute(query, (morning.creator_id, morning.local_on)).fetchone() is not None
