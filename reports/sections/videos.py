"""Videos: those that need attention with the reason and the second where people leave, and those completed best."""

from collections.abc import Mapping
from dataclasses import dataclass
from json import loads
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from reports.charts import draw_place, draw_retention
from reports.reading import Reading
from reports.wording import clean, say_count, say_many, say_position, say_rate, sentence

_SHOWN_WEAK = 6
_SHOWN_BEST = 5
_ENOUGH_VIEWERS = 10  # a completion rate over fewer says little; also the threshold of needs_attention
_COLUMNS = [
    "video_id", "title", "duration_seconds", "viewer_count", "completion_count", "completion_rate", "drop_off_second", "retention_rates",
    "needs_attention", "attention_reason",
]  # fmt: skip
"""What the lists read: rows are chosen in steps, and each copies all columns."""


@dataclass(frozen=True)
class Video:
    """One line of a list; `place` draws how many viewers are left along the video, `leaving` says where they leave."""

    title: str
    reason: str | None
    viewers: str
    completion: str
    leaving: str | None
    place: Markup | None


@dataclass(frozen=True)
class Videos:
    """`empty` speaks for the section, `no_weak` and `no_best` for one list; `ranking` says how the best were chosen."""

    weak: list[Video]
    best: list[Video]
    more_weak: str | None
    no_weak: str | None
    no_best: str | None
    ranking: str
    empty: str | None


def build(reading: Reading) -> Videos:
    """The section from `video_analytics`."""
    table = reading.table("video_analytics")
    if table is None:
        return Videos([], [], None, None, None, "", reading.absence("video_analytics", "the videos", "No videos yet."))
    table = table.select(_COLUMNS)
    needs_attention = pc.fill_null(table["needs_attention"], False)
    weak = _most_reasons_first(table.filter(needs_attention))
    rest = weak.num_rows - _SHOWN_WEAK
    best, ranking = _best(table.filter(pc.invert(needs_attention)))
    is_watched = bool(pc.any(pc.greater(table["viewer_count"], 0)).as_py())
    return Videos(
        weak=[_video(row) for row in weak.slice(0, _SHOWN_WEAK).to_pylist()],
        best=[_video(row) for row in best.to_pylist()],
        more_weak=f"And {say_count(rest)} more, in videos.csv." if rest > 0 else None,
        no_weak=None if weak.num_rows else "No video needs attention.",
        no_best=None if best.num_rows else ("No video was completed yet." if is_watched else "No video was watched yet."),
        ranking=ranking,
        empty=None,
    )


def _most_reasons_first(weak: pa.Table) -> pa.Table:
    """Videos with two reasons before those with one (the mart parts reasons by a semicolon), then those with most viewers."""
    counted = weak.append_column("reasons", pc.fill_null(pc.count_substring(weak["attention_reason"], "; "), 0))
    order = [("reasons", "descending"), ("viewer_count", "descending"), ("video_id", "ascending")]
    return counted.sort_by(order).drop_columns("reasons")


def _best(table: pa.Table) -> tuple[pa.Table, str]:
    """The best videos and how they were chosen: by completion rate where enough people watched, else by completions."""
    completed = table.filter(pc.greater(table["completion_count"], 0))
    proven = completed.filter(pc.greater_equal(completed["viewer_count"], _ENOUGH_VIEWERS))
    keys = [("completion_rate", "descending"), ("viewer_count", "descending"), ("video_id", "ascending")]
    if proven.num_rows:
        return proven.sort_by(keys).slice(0, _SHOWN_BEST), f"Highest completion rate, with {_ENOUGH_VIEWERS} viewers or more."
    return completed.sort_by([("completion_count", "descending"), *keys]).slice(0, _SHOWN_BEST), "Completed most often."


def _video(row: Mapping[str, Any]) -> Video:
    second, duration = row["drop_off_second"], row["duration_seconds"]
    leaving = f"Half of those who leave are gone by {say_position(second)}" if second is not None else None
    if leaving and duration:
        leaving += f" of {say_position(duration)}"
    at = second / duration if second is not None and duration else None
    rates = loads(row["retention_rates"]) if row["retention_rates"] else None
    if rates:
        half = f"{say_rate(rates[9])} got to the middle"  # not to the end: who finished is said already, and marked, not measured
        leaving = f"{leaving}; {half}" if leaving else half
    return Video(
        title=clean(row["title"]) or "Untitled video",
        reason=(sentence(row["attention_reason"]) or "Needs a look") if row["needs_attention"] else None,
        viewers=say_many(row["viewer_count"], "viewer"),
        completion=say_rate(row["completion_rate"]),
        leaving=leaving,
        place=draw_retention(rates, at) if rates else draw_place(second, duration) if at is not None else None,
    )
