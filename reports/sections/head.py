"""The top of the page: whose report, of when, and what it says in short."""

import re
from dataclasses import dataclass

import pyarrow.compute as pc

from reports.reading import Reading
from reports.wording import clean, say_count, say_many, say_rate, say_zone


@dataclass(frozen=True)
class Head:
    """`page_title` is for the browser's tab; `short` is a few sentences that stand below the leading numbers."""

    page_title: str
    kicker: str
    company: str
    short: list[str]
    as_of: str
    as_of_iso: str
    complete_through: str
    complete_through_iso: str
    zone: str


def build(reading: Reading) -> Head:
    """The head from the document, and the short of it from whatever frames there are."""
    document = reading.document
    company = clean(document.creator_name, 160) or "Unnamed creator"
    kicker = clean(document.title, 80)
    if document.is_weekly:
        kicker += f" · {reading.say_day(reading.week[0])} to {reading.say_day(reading.week[-1])}"
    return Head(
        page_title=f"{clean(document.creator_name, 60) or 'Unnamed creator'} · {clean(document.title, 80)} · {reading.say_day(reading.today)}",
        kicker=kicker,
        company=company,
        short=_short(reading),
        as_of=reading.say_instant(document.as_of),
        as_of_iso=document.as_of.astimezone(reading.zone).isoformat(),
        complete_through=reading.say_instant(document.complete_through),
        complete_through_iso=document.complete_through.astimezone(reading.zone).isoformat(),
        zone=say_zone(document.as_of, reading.zone),
    )


def _short(reading: Reading) -> list[str]:
    row = reading.overview
    if row is None:
        return []
    if not row["student_count"]:
        return ["No students yet. This page fills itself as they join."]
    sentences = []
    if row["active_7d_count"] is not None:
        seen = say_count(row["active_7d_count"]) if row["active_7d_count"] else "None"
        share = f" ({say_rate(row['active_7d_count'] / row['student_count'])})" if row["active_7d_count"] else ""
        was = "was" if row["active_7d_count"] in (0, 1) else "were"
        sentences.append(
            f"{seen} of {say_many(row['student_count'], 'student')}{share} {was} seen in the app in the last 7 days, today included."
        )
    return [re.sub(r"(\d) (?=\w)", "\\1\u00a0", text) for text in (*sentences, *_weak_videos(reading), *_restated(reading))]


def _restated(reading: Reading) -> list[str]:
    table = reading.table("restatements")
    if table is None or reading.document.last_report_as_of is None:
        return []
    return [f"{say_many(table.num_rows, 'earlier number')} {'has' if table.num_rows == 1 else 'have'} changed since the last report."]


def _weak_videos(reading: Reading) -> list[str]:
    table = reading.table("video_analytics")
    count = (pc.sum(table["needs_attention"]).as_py() or 0) if table is not None else 0
    return [f"{say_many(count, 'video')} {'needs' if count == 1 else 'need'} a look."] if count else []
