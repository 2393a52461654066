"""When students learn: weekday by hour of the creator's clock, over the last 30 days."""

from dataclasses import dataclass

from markupsafe import Markup

from reports.charts import draw_heat
from reports.reading import Reading
from reports.wording import WEEKDAYS, say_count, say_hour, say_rate

_TITLE = "When students learn"
_NOTHING = "Nobody learned in the last 30 days."


@dataclass(frozen=True)
class Hours:
    """`summary` is the text alternative of the chart; `rows` are its table: a weekday and its 24 counts."""

    summary: str
    chart: Markup | None
    rows: list[tuple[str, list[str]]]
    empty: str | None


def build(reading: Reading) -> Hours:
    """The section from `hourly_activity`; hours without a row count as 0."""
    table = reading.table("hourly_activity")
    if table is None:
        return Hours("", None, [], reading.absence("hourly_activity", "the hours of activity", _NOTHING))
    found = table.select(["weekday_no", "hour_no", "student_hour_count"]).to_pylist()
    counts = {(row["weekday_no"], row["hour_no"]): row["student_hour_count"] or 0 for row in found}
    total = sum(counts.values())
    if not total:
        return Hours("", None, [], _NOTHING)
    (day, hour), most = max(counts.items(), key=lambda item: (item[1], -item[0][0], -item[0][1]))
    evening = sum(count for (_, at), count in counts.items() if at >= 18)
    weekend = sum(count for (on, _), count in counts.items() if on >= 6)
    summary = (
        f"Busiest on {say_hour(day, hour)}, with {say_rate(most / total)} of all learning of the last 30 days. "
        f"{say_rate(evening / total)} of it comes after 18:00, {say_rate(weekend / total)} on weekends."
    )
    rows = [(WEEKDAYS[on - 1], [say_count(counts.get((on, at), 0)) for at in range(24)]) for on in range(1, 8)]
    return Hours(summary, draw_heat("hours", _TITLE, summary, counts), rows, None)
