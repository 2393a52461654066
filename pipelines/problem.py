"""The errors that a person reads: one line that says what is wrong and what to do.

Belongs here: the two exception types that the command line and Dagster show without a traceback of ours, an error in one line, a broken connection in a sentence,
a length of time in words.
Does not: errors that only code handles.
"""

from datetime import timedelta


class Problem(Exception):
    """Something failed for a reason that its reader can mend. The message is one line: what is wrong, then what to do.

    The command line prints it and exits with 1.
    """


class UsageProblem(Problem):
    """The request itself is wrong (an unknown creator, a malformed duration). The command line exits with 2."""


def one_line(error: Exception) -> str:
    """An error as it is noted: a `Problem` in its own words, another one with its kind, at most 500 characters."""
    return " ".join(f"{error if isinstance(error, Problem) else f'{type(error).__name__}: {error}'}".split())[:500]


def connection_broke(said: str) -> str:
    """The sentence for a connection to Postgres that ended, whichever driver `said` so."""
    return f"the connection to Postgres broke ({said}); see that the server runs, then run again."


def no_space(said: str) -> str:
    """The sentence for a Postgres whose disk is full."""
    return f"Postgres has no disk space left ({said}); free some, then run again."


def in_words(length: timedelta) -> str:
    """A length of time in its largest whole unit: 8 days, 90 minutes, 1 hour, 0 seconds."""
    seconds = int(length.total_seconds())
    units = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
    unit = next(name for name, size in units.items() if (seconds and seconds % size == 0) or size == 1)
    count = seconds // units[unit]
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"
