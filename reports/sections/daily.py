"""Students who learn each day: up to twelve full weeks and the day that is not over yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median_low

from markupsafe import Markup

from reports.charts import DailySeries, draw_line
from reports.reading import Reading
from reports.wording import say_count, say_many, say_weekday

_MOST_DAYS = 84
_FEWEST_DAYS = 30
_TITLE = "Students learning each day"
_NOTHING = "No learning yet. The line starts with the first student who watches."


@dataclass(frozen=True)
class Day:
    """One row of the table beside the chart."""

    day: str
    active: str
    mean: str
    new: str


@dataclass(frozen=True)
class Daily:
    """`summary` is the text alternative of the chart, `days` its table, newest first."""

    title: str
    summary: str
    chart: Markup | None
    days: list[Day]
    empty: str | None


def build(reading: Reading) -> Daily:
    """The chart from `daily_activity`; days without a row count as 0."""
    table = reading.table("daily_activity")
    absence = reading.absence("daily_activity", "the daily activity", _NOTHING)
    if table is None:
        return Daily(_TITLE, "", None, [], absence)
    rows = {row["activity_on"]: row for row in table.select(["activity_on", "active_student_count", "new_student_count"]).to_pylist()}
    active = {day: row["active_student_count"] or 0 for day, row in rows.items() if day <= reading.today}
    if not any(active.values()):
        return Daily(_TITLE, "", None, [], _NOTHING)
    first = min(active)
    length = min(_MOST_DAYS, max(_FEWEST_DAYS, (reading.today - first).days))
    days = [reading.today - timedelta(days=back) for back in range(length, -1, -1)]
    series = DailySeries(days, [active.get(day, 0) for day in days], _means(active, days, first, reading.today))
    summary = _summary(reading, series, first)
    new = {day: row["new_student_count"] for day, row in rows.items()}
    return Daily(_TITLE, summary, draw_line("daily", _TITLE, summary, series), _days(reading, series, new), None)


def _means(active: Mapping[date, int], days: Sequence[date], first: date, today: date) -> list[float | None]:
    """Of each of `days`, which follow each other, the mean of it and the six before; None for today, which is not over, and before seven are known."""
    week = timedelta(days=6)
    counts = [active.get(days[0] - timedelta(days=back), 0) for back in range(6, 0, -1)] + [active.get(day, 0) for day in days]
    return [None if day == today or day - week < first else round(sum(counts[place : place + 7]) / 7, 1) for place, day in enumerate(days)]


def _summary(reading: Reading, series: DailySeries, first: date) -> str:
    full = series.counts[:-1]
    highest = max(full)
    known = [count for day, count in zip(series.days[:-1], full, strict=True) if day >= first]
    if not highest:
        return f"Today is the first day with learning, so far by {say_many(series.counts[-1], 'student')}."
    busiest = say_weekday(series.days[full.index(highest)], reading.document.date_format)
    text = f"On a usual day {say_count(median_low(known))}, on the busiest, {busiest}, {say_many(highest, 'student')}."
    means = [mean for mean in series.means if mean is not None]
    if len(means) > 7:
        text += f" In the last seven full days {say_count(means[-1])} a day on average, in the seven before {say_count(means[-8])}."
    return text


def _days(reading: Reading, series: DailySeries, new: Mapping[date, int | None]) -> list[Day]:
    rows = zip(series.days, series.counts, series.means, strict=True)
    days = [Day(reading.say_day(day), say_count(count), say_count(mean), say_count(new.get(day, 0))) for day, count, mean in rows]
    return days[::-1]
