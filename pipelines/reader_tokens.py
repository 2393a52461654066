"""Tokens by which the platform's app reads one creator's rows, as the role `creator_reader`.

Belongs here: making a token, ending tokens. Does not: what a token lets a session read (row_security), looking it up (ops.current_creator in ops.sql).
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import psycopg

from pipelines.problem import UsageProblem

LONGEST = timedelta(days=7)
"""No token lives longer."""


@dataclass(frozen=True)
class ReaderToken:
    """A token and its end. `token` is a bearer secret: it is printed where it was asked for, and stored nowhere."""

    creator_id: str
    token: str
    expires_at: datetime


def mint(connection: psycopg.Connection, creator_id: str, lifetime: timedelta, requested_by: str) -> ReaderToken:
    """A new token of 256 random bits for the creator. Tokens that have ended are swept out on the way."""
    if not timedelta(0) < lifetime <= LONGEST:
        raise UsageProblem(f"a token lives at most {LONGEST.days} days, and longer than no time; give --for, such as 1h or 7d.")
    token = secrets.token_urlsafe(32)
    with connection.transaction():
        connection.execute("delete from ops.reader_tokens where expires_at <= clock_timestamp()")
        row = connection.execute(
            """insert into ops.reader_tokens (token_digest, creator_id, expires_at, requested_by)
               values (%s, %s, clock_timestamp() + %s, %s) returning expires_at""",
            (sha256(token.encode()).digest(), creator_id, lifetime, requested_by),
        ).fetchone()
    assert row is not None  # an insert with returning gives its row
    return ReaderToken(creator_id, token, row[0])


def end(connection: psycopg.Connection, creator_id: str) -> int:
    """End all tokens of the creator: how many there were."""
    return connection.execute("delete from ops.reader_tokens where creator_id = %s", (creator_id,)).rowcount
