"""What is wrong and worth a message: failed runs, broken checks, closed gates, yesterday's failed exports and mails.

Belongs here: noticing, and saying it in words. Does not: sending and repeat windows (alerts), the sensors that look (sensors).
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import psycopg

from pipelines import alerts, gates, publish, warehouse
from pipelines.alerts import Alert
from pipelines.nightly import CHECK
from pipelines.report_assets import SUCCESS_WANTED
from pipelines.run_failures import BrokenCheck
from pipelines.settings import Settings

SUMMARY_AT = time(8, tzinfo=UTC)
"""When the failures of the last 24 hours are summed up, UTC: by then the daily job has ended."""

_WHOM = {
    "hourly": "every creator: tables stay {stand}",
    "daily": "every creator on an enterprise plan: reports that were not made yet stay those of the day before; tables stay {stand}",
    "mornings": "creators whose mail is due: it is tried again each hour until their noon",
    "exports": "creators who wait for an export: requests stay in line and are tried again",
}
_COMMANDS = {"hourly", "daily", "mornings"}
"""Jobs that `creator-reports run` knows."""
_OPTION = re.compile(r"--accept-\w+")
"""How a guard that stopped a run names the way past it."""


_REBUILD = (
    "`creator-reports check` names the rows that differ from a full build; materialize that table (in the UI) to rebuild it, then `creator-reports run daily`"
    " compares again and opens the gates"
)


def failed_run(settings: Settings, job: str, run_id: str, cause: str, now: datetime) -> Alert:
    """A run that failed for good."""
    with warehouse.connect(settings) as connection:
        as_of = publish.published_as_of(connection)
    stand = f"as of {as_of:%Y-%m-%d %H:%M} UTC" if as_of else "empty"
    return Alert(
        cause=alerts.cause_of(f"run {job}", cause),
        title=f"{_named(job)} failed",
        what=f"{cause} (run {run_id[:8]})",
        whom=_WHOM.get(job, "who waits for the assets that it was to make; published tables stay {stand}, scheduled runs go on").format(
            stand=stand
        ),
        todo=_how_to_go_on(job, run_id, cause),
        since=now,
    )


def _named(job: str) -> str:
    """A job in a sentence: Dagster's own name for runs that somebody launches from assets tells nobody anything."""
    return job if job in _WHOM else "a run that was launched from the asset graph"


def _how_to_go_on(job: str, run_id: str, cause: str) -> str:
    seen = f"open run {run_id} in the Dagster UI"
    if option := _OPTION.search(cause):
        # Deletions are followed by nights alone, also where an hour stopped because of them.
        knows = job in _COMMANDS and option[0] != "--accept-deletions"
        command = f"`creator-reports run {job if knows else 'daily'} {option[0]}`"
        return f"if what is gone is meant to be gone: {command}; else mend what lost it, until then each such run stops there. To see more, {seen}"
    if job in _COMMANDS:
        return f"{seen}; once the cause is mended, the next scheduled run catches up, or `creator-reports run {job}` now"
    if job in _WHOM:
        return f"{seen}; once the cause is mended, the next try serves the requests"
    return f"{seen}; no schedule repeats it: once the cause is mended, launch it there again"


def broken_check(job: str, run_id: str, check: BrokenCheck, now: datetime) -> Alert:
    """A check of severity error that did not hold in a run that went on."""
    return Alert(
        cause=f"check: {str(check)[:200]}",
        title="a check does not hold",
        what=f"{check}, in {_named(job)} (run {run_id[:8]})",
        whom="the creators whose rows it names keep their old rows and files (ops.gates); all others have theirs",
        todo=_REBUILD
        if check.name == CHECK
        else "`creator-reports check` shows sample keys; mend the rows at the source, the next run looks again",
        since=now,
    )


def closed_gates(settings: Settings) -> list[Alert]:
    """One alert per reason for which gates are closed."""
    with warehouse.connect(settings) as connection:
        rows = connection.execute(
            "select reason, count(*), min(since), (array_agg(creator_id::text order by creator_id))[:3] from ops.gates group by reason order by reason"
        ).fetchall()
        names = gates.named(connection, {creator for *_, sample in rows for creator in sample})
    return [
        Alert(
            cause=f"gate: {reason}",
            title=f"{count} {'creator gets' if count == 1 else 'creators get'} no new reports",
            what=f"delivery gates are closed: {reason}",
            whom=f"{_list([names[creator] for creator in sample], count)}: last good reports, no new links",
            todo=_how_to_open(reason),
            since=since,
        )
        for reason, count, since, sample in rows
    ]


def _list(names: Sequence[str], count: int) -> str:
    """The first of `count` names in a sentence."""
    return ", ".join(names) + (f" and {count - len(names):,} more" if count > len(names) else "")


def _how_to_open(reason: str) -> str:
    if reason.startswith(f"{gates.REASON}{CHECK} "):
        return _REBUILD
    return "`creator-reports check` shows the rows; mend them at the source, the next run opens the gates by itself"


def yesterday(settings: Settings, now: datetime) -> Alert | None:
    """Failed exports and mails of the 24 hours before the last `SUMMARY_AT`; None when there were none."""
    until = datetime.combine(now.date(), SUMMARY_AT)
    until = until if until <= now else until - timedelta(days=1)
    with warehouse.connect(settings) as connection:
        lines = [*_failed_exports(connection, until), *_failed_mails(connection, until)]
        share = _success_rate(connection, until)
    if not lines:
        return None
    low = (
        f" Only {share:.1%} of the creators have all files of their editions, {SUCCESS_WANTED:.0%} are wanted."
        if share < SUCCESS_WANTED
        else ""
    )
    return Alert(
        cause=f"summary: {until.date()}",
        title=f"exports and mails that failed until {until:%d %B, %H:%M} UTC",
        what="; ".join(line.rstrip(".") for line in lines) + "." + low,
        whom="the creators named in `creator-reports history` (event failed) and in ops.outbox",
        todo="see the reasons for what to mend first; `creator-reports run daily` then makes scheduled files that are missing, exports on request are asked for again",
        since=until - timedelta(days=1),
        repeats=False,
    )


def _failed_exports(connection: psycopg.Connection, until: datetime) -> Sequence[str]:
    rows = connection.execute(
        """select report, format, count(distinct creator_id), (array_agg(reason order by log_id))[1] from ops.export_log
           where event in ('failed', 'abandoned') and logged_at > %s - interval '1 day' and logged_at <= %s group by 1, 2 order by 3 desc, 1, 2""",
        (until, until),
    ).fetchall()
    return [f"{report}.{suffix} of {count:,} {_creators(count)}, first: {reason}" for report, suffix, count, reason in rows]


def _failed_mails(connection: psycopg.Connection, until: datetime) -> Sequence[str]:
    rows = connection.execute(
        """select reason, count(*) from ops.outbox
           where status = 'failed' and ended_at > %s - interval '1 day' and ended_at <= %s group by 1 order by 2 desc, 1""",
        (until, until),
    ).fetchall()
    return [f"mail to {count:,} {_creators(count)}: {reason}" for reason, count in rows]


def _success_rate(connection: psycopg.Connection, until: datetime) -> float:
    """Share of creators who have each file of their editions among those for whom any was made, 0 to 1. What was made in a second try counts as made."""
    row = connection.execute(
        """select count(distinct creator_id), count(distinct creator_id) filter (where event in ('failed', 'abandoned')) from (
               select distinct on (creator_id, edition_on, report, format) creator_id, event from ops.export_log
               where event in ('finished', 'unchanged', 'failed', 'abandoned') and edition_on is not null
                   and logged_at > %s - interval '1 day' and logged_at <= %s
               order by creator_id, edition_on, report, format, log_id desc) as ends""",
        (until, until),
    ).fetchone()
    tried, failed = row or (0, 0)
    return 1 - failed / tried if tried else 1.0


def _creators(count: int) -> str:
    return "creator" if count == 1 else "creators"
