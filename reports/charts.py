"""Charts as inline SVG, drawn here: no script, no style attribute, nothing to load.

Belongs here: shapes of numbers. Does not: which numbers, captions, tables (each chart stands in a figure that has both).

The outer drawing has no viewBox: widths are percentages, heights are pixels, so that labels keep their size at any width of
the page. Lines live in a nested drawing that is stretched, with strokes that are not.
Colours come from the page's style sheet through class names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from markupsafe import Markup

from reports.wording import WEEKDAYS, say_count, say_hour, say_short_day, say_weekday

_HEIGHT = 236
_TOP = 14
_BOTTOM = 204
_DAYS_BETWEEN_LABELS = 14


@dataclass(frozen=True)
class DailySeries:
    """Whole numbers by day without gaps, oldest first. The last day is not over yet. `means` is None where too few days are known."""

    days: Sequence[date]
    counts: Sequence[int]
    means: Sequence[float | None]


def draw_line(name: str, title: str, summary: str, series: DailySeries) -> Markup:
    """A line per full day, its 7-day mean, and a dot for the day that is not over: a line down to it would look like a loss each morning. `name` makes the ids unique."""
    top, step = _scale(max(series.counts))
    last = len(series.days) - 1
    return Markup(
        '<svg class="line" role="img" width="100%" height="{height}" aria-labelledby="{name}-title {name}-text">'
        '<title id="{name}-title">{title}</title><desc id="{name}-text">{summary}</desc>{rules}{ticks}'
        '<svg y="{y}" width="100%" height="{plot}" viewBox="0 0 {last} {top}" preserveAspectRatio="none">'
        '<path class="area" d="M0 {top}{area}V{top}Z"/><path class="daily" d="{daily}"/>'
        '<path class="mean" d="{mean}"/></svg>'
        '<circle class="now" cx="100%" cy="{now}" r="3.5"/>{hovers}</svg>'
    ).format(
        height=_HEIGHT, name=name, title=title, summary=summary, y=_TOP, plot=_BOTTOM - _TOP, last=last, top=top,
        rules=_rules(top, step), ticks=_ticks(series.days), now=round(_BOTTOM - series.counts[-1] / top * (_BOTTOM - _TOP), 1),
        area="".join(f"L{x} {top - count}" for x, count in enumerate(series.counts[:-1])) + f"H{last - 1}",
        daily=_path(enumerate(series.counts[:-1]), top),
        mean=_path(((x, mean) for x, mean in enumerate(series.means) if mean is not None), top), hovers=_hovers(series),
    )  # fmt: skip


def draw_beside(share: float, earlier: float | None) -> Markup:
    """A bar of 0 to 1, with a stroke where it ended before. Decoration: the numbers stand beside it."""
    width = round(max(0.0, min(1.0, share)) * 100, 2)
    mark = Markup("")
    if earlier is not None:
        mark = Markup('<rect class="earlier" x="{:g}%" width="2" height="16"/>').format(round(max(0.0, min(0.995, earlier)) * 100, 2))
    return Markup(
        '<svg class="bar" aria-hidden="true" width="100%" height="16"><rect class="fill" y="3" width="{:g}%" height="10" rx="2"/>{}</svg>'
    ).format(width, mark)


def draw_heat(name: str, title: str, summary: str, counts: Mapping[tuple[int, int], int]) -> Markup:
    """Seven rows of 24 hours, darker where there is more; `counts` by weekday (1 is Monday) and hour."""
    highest = max(counts.values(), default=0) or 1
    days, places, hours = _heat_places()
    cells = "".join(
        f'<rect class="h{-(-4 * counts.get(at, 0) // highest)}" {place}: {say_count(counts.get(at, 0))}</title></rect>'
        for at, place in places.items()
    )
    return Markup(
        '<svg class="heat" role="img" width="100%" height="184" aria-labelledby="{0}-title {0}-text"><title id="{0}-title">{1}</title>'
        '<desc id="{0}-text">{2}</desc>{3}</svg>'
    ).format(name, title, summary, _ours(f"{days}{cells}{hours}"))


@cache
def _heat_places() -> tuple[str, dict[tuple[int, int], str], str]:
    """What is the same in every heat map: the days, the middle of each cell by weekday and hour, the hours."""
    days = "".join(f'<text x="-10" y="{row * 23 + 14}" text-anchor="end">{WEEKDAYS[row][:3]}</text>' for row in range(7))
    places = {
        (day, hour): f'x="{round(hour / 24 * 100, 2):g}%" y="{(day - 1) * 23}" width="3.9%" height="20" rx="2"><title>{say_hour(day, hour)}'
        for day in range(1, 8)
        for hour in range(24)
    }
    hours = "".join(f'<text x="{round(hour / 24 * 100, 2):g}%" y="178">{hour:02}:00</text>' for hour in range(0, 24, 6))
    return days, places, hours


def draw_retention(rates: Sequence[float], place: float | None) -> Markup:
    """Which share of the viewers is left at each twentieth of a video, from all of them, and a stroke where half of those who leave are gone.

    Decoration: a text beside it says the same.
    """
    points = [1.0, *rates]
    line = "".join(f"{'L' if x else 'M'}{x} {round(100 - 100 * y, 1):g}" for x, y in enumerate(points))
    mark = ""
    if place is not None:
        x = f"{round(max(0.0, min(1.0, place)) * 100, 2):g}%"
        mark = f'<line class="leave" x1="{x}" x2="{x}" y2="36"/>'
    return _ours(
        '<svg class="retention" aria-hidden="true" width="100%" height="37">'
        f'<svg width="100%" height="36" viewBox="0 0 {len(points) - 1} 100" preserveAspectRatio="none">'
        f'<path class="area" d="{line}V100H0Z"/><path class="mean" d="{line}"/></svg><line class="base" y1="36.5" y2="36.5" x2="100%"/>{mark}</svg>'
    )


def draw_place(second: float, duration: float) -> Markup:
    """A video as a thin track with a mark at the second. Decoration: the text stands beside it."""
    x = round(max(0.0, min(1.0, second / duration)) * 100, 2)
    return Markup(
        '<svg class="place" aria-hidden="true" width="100%" height="14"><rect class="track" y="5" width="100%" height="4" rx="2"/>'
        '<rect class="fill" y="5" width="{x}%" height="4" rx="2"/><circle class="mark" cx="{x}%" cy="7" r="5"/></svg>'
    ).format(x=f"{x:g}")


def _path(points: Iterable[tuple[int, float]], top: int) -> str:
    return "".join(f"{'L' if number else 'M'}{x} {top - y:g}" for number, (x, y) in enumerate(points))


def _scale(highest: int) -> tuple[int, int]:
    """The end of the axis and the distance of its lines: whole numbers of 1, 2 or 5 times a power of ten, at most five lines."""
    step = 1
    while step * 4 < highest:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return max(step, -(-highest // step) * step), step


def _rules(top: int, step: int) -> Markup:
    lines = [(_BOTTOM - value / top * (_BOTTOM - _TOP), value) for value in range(0, top + 1, step)]
    rule = Markup('<line class="{}" x2="100%" y1="{y:g}" y2="{y:g}"/><text x="-8" y="{below:g}" text-anchor="end">{}</text>')
    return Markup("").join(
        rule.format("rule" if value else "base", say_count(value), y=round(y) + 0.5, below=round(y) + 4) for y, value in lines
    )


def _ticks(days: Sequence[date]) -> Markup:
    """A label on every second Monday, from the newest backwards; none where it would be cut off."""
    last = len(days) - 1
    mondays = [x for x, day in enumerate(days) if day.weekday() == 0 and 0.05 <= x / last <= 0.95]
    gap = 1 if len(days) <= 5 * _DAYS_BETWEEN_LABELS // 2 else _DAYS_BETWEEN_LABELS // 7
    tick = Markup('<text x="{:g}%" y="{}" text-anchor="middle">{}</text>')
    return Markup("").join(tick.format(round(x / last * 100, 2), _BOTTOM + 22, say_short_day(days[x])) for x in mondays[::-gap][::-1])


def _hovers(series: DailySeries) -> Markup:
    """A pane per day that names its number when a mouse rests on it."""
    last = len(series.days) - 1
    form = f'" y="{_TOP}" width="{round(100 / last, 2):g}%" height="{_BOTTOM - _TOP}"><title>'
    return _ours(
        "".join(
            f'<rect class="day" x="{round((x - 0.5) / last * 100, 2):g}%{form}{say_weekday(day)}: {say_count(count)}</title></rect>'
            for x, (day, count) in enumerate(zip(series.days, series.counts, strict=True))
        )
    )


def _ours(markup: str) -> Markup:
    """Markup made of numbers and our own words only, where escaping piece by piece would take most of the time. Never a stranger's text."""
    return Markup(markup)  # noqa: S704 # what it is made of, the docstring says
