"""Whether a link would live as long as it says: the life of the credentials that sign it, and the store's clock.

Belongs here: the reasons to refuse a signature. Does not: signing, talking to the store (store), who may have a link (links).

A signed link dies with the temporary credentials that signed it, whatever end it carries, and its end is judged by the store's clock.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from pipelines.problem import Problem

UNKNOWN_LIFE = timedelta(hours=1)
"""The longest link while the end of temporary credentials is not known: the shortest life that they usually have."""

CLOCK_TOLERANCE = timedelta(seconds=60)
"""So far may the store's clock be from ours."""


def require_life(lifetime: timedelta, now: datetime, *, expire_at: datetime | None, has_session_token: bool) -> None:
    """A `Problem` when the credentials end before a link of `lifetime` does, or might: with a session token whose end nobody said, after `UNKNOWN_LIFE`."""
    if expire_at is not None and now + lifetime > expire_at:
        raise Problem(
            f"no link of {_in_words(lifetime)}: the credentials that would sign it end at {expire_at:%Y-%m-%d %H:%M:%S %Z} (S3_CREDENTIALS_EXPIRE_AT), and the link with"
            " them. Ask for a shorter one (--for), or renew the credentials."
        )
    if expire_at is None and has_session_token and lifetime > UNKNOWN_LIFE:
        raise Problem(
            f"no link of {_in_words(lifetime)}: the credentials are temporary (AWS_SESSION_TOKEN) and their end is not known, and the link would end with them."
            f" Set S3_CREDENTIALS_EXPIRE_AT to it, or ask for {_in_words(UNKNOWN_LIFE)} at most (--for 1h)."
        )


def _in_words(lifetime: timedelta) -> str:
    minutes = -(lifetime // -timedelta(minutes=1))  # begun ones count
    return f"{minutes} min" if minutes % 60 else f"{minutes // 60} h"


def clock_trouble(headers: Mapping[str, str], sent_at: datetime, received_at: datetime) -> str | None:
    """What is wrong with the clocks by the `Date` of an answer to a request that was under way between the two instants; None when they agree, or no date came."""
    try:
        said = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return None
    # A Date has whole seconds, and was set at some moment while the request was under way.
    behind, ahead = sent_at - timedelta(seconds=1) - said, said - received_at
    if max(behind, ahead) <= CLOCK_TOLERANCE:
        return None
    seconds, direction = (behind, "behind") if behind > ahead else (ahead, "ahead of")
    return f"the store's clock is {round(seconds.total_seconds()):,} s {direction} ours, so links would not end when they say; set the clocks right (NTP)"
