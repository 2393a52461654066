"""The first thing on the page: how many students slip away, and the week that is over beside the one before."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from reports.reading import Reading
from reports.sections.numbers import Number
from reports.wording import DASH, per_day, say_count, say_duration, say_trend

_SUMS = ("active_student_count", "new_student_count", "completion_count", "watch_seconds")


@dataclass(frozen=True)
class Lead:
    """`slipping` is the one number set largest; `span` says which days `week` is of. Either may be missing."""

    slipping: Number | None
    span: str
    week: list[Number]


def build(reading: Reading) -> Lead | None:
    """The numbers from `student_engagement_tiers` and `daily_activity`; None where nothing is known of either: five dashes tell nobody anything."""
    slipping, week = _slipping(reading), _week(reading)
    return Lead(slipping, _span(reading, week), week) if slipping or week else None


def _slipping(reading: Reading) -> Number | None:
    if reading.is_slipping is not None:
        count = pc.sum(reading.is_slipping).as_py() or 0
        trend, direction = _trend(count, reading.slipping_a_week_ago, say_count)
        label = "student is slipping away" if count == 1 else "students are slipping away"
        than = trend and f"{trend if direction else 'as many as'} a\u00a0week\u00a0ago"
        return Number(label, say_count(count), None, than, direction)
    if reading.overview and reading.overview["student_count"]:  # without names, it is not known who of them has completed everything
        count = reading.overview["at_risk_count"] or 0
        return Number("student at risk" if count == 1 else "students at risk", say_count(count))
    return None


def _span(reading: Reading, week: list[Number]) -> str:
    first, last = (reading.say_day(day) for day in (reading.week[0], reading.week[-1]))
    things, before = ("week", "the week before") if reading.document.is_weekly else ("7 days", "the 7 before")
    return f"The {things} from {first} to {last}" + (f", beside {before}" if any(number.trend for number in week) else "")


def _week(reading: Reading) -> list[Number]:
    """The week that is over beside the one before, from the days of `daily_activity`."""
    now, before = _sums(reading, 0), _sums(reading, 7)
    if now is None:
        return []
    was = before or dict.fromkeys(_SUMS)
    return [
        _moved("Learners a day", per_day(now["active_student_count"]), per_day(was["active_student_count"]), say_count),
        _moved("New students", now["new_student_count"], was["new_student_count"], say_count),
        _moved("Videos completed", now["completion_count"], was["completion_count"], say_count),
        _moved("Watch time", now["watch_seconds"], was["watch_seconds"], say_duration),
    ]


def _sums(reading: Reading, back: int) -> dict[str, int | None] | None:
    """Sums over the report's seven days, or as many days `back`. What partial days do not know makes a sum None; days without a row are 0."""
    table = reading.table("daily_activity")
    wanted = pa.array([day - timedelta(days=back) for day in reading.week])
    days = table.filter(pc.is_in(table["activity_on"], wanted)).select([*_SUMS, "is_partial"]).to_pylist() if table is not None else []
    if not days:  # before the creator's first day
        return None
    is_partial = any(row["is_partial"] for row in days)
    sums: dict[str, int | None] = {name: sum(row[name] or 0 for row in days) for name in _SUMS}
    return sums | dict.fromkeys(("completion_count", "watch_seconds")) if is_partial else sums


def _moved(label: str, now: float | None, before: float | None, say: Callable[[float], str]) -> Number:
    trend, direction = _trend(now, before, say)
    return Number(label, DASH if now is None else say(now), None, trend, direction)


def _trend(now: float | None, before: float | None, say: Callable[[float], str]) -> tuple[str | None, str | None]:
    trend = say_trend(now, before, say)
    return trend, next((way for way in ("up", "down") if trend and trend.startswith(f"{way} ")), None)
