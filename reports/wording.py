"""How values read on the page: numbers, shares, times, dates and strangers' text.

Belongs here: one way to say each kind of value, in plain English. Does not: which values are shown, markup, data formats.
A value that is not there reads as a dash, never as 0. Over 200 lines by the many kinds of value.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DASH = "–"
_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_INVISIBLE = frozenset("\u200b\u2060\ufeff\u00ad\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANK_LETTERS = "\u3164\u115f\u1160\uffa0\u2800"
_JOINER = "\u200d"
_DATE_PART = re.compile("YYYY|MMMM|MMM|MM|DD|D")
_MONTH = "|".join(sorted((*_MONTHS, *(month[:3] for month in _MONTHS)), key=len, reverse=True))
SPACED_DATE = re.compile(rf"\b(?:\d{{1,2}} (?:{_MONTH}) \d{{4}}|(?:{_MONTH}) \d{{1,2}}, \d{{4}})\b")
"""Dates in words, as any pattern with spaces writes them."""
_WITHOUT_CENTS = frozenset(["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"])


def say_count(value: float | None) -> str:
    """A number with thousands separators: 12,345; at most one decimal when it is not whole."""
    if value is None:
        return DASH
    if isinstance(value, int):
        return f"{value:,}"
    rounded = round(value, 1)
    return f"{int(rounded):,}" if rounded == int(rounded) else f"{rounded:,.1f}"


def per_day(total: int | None) -> float | None:
    """The mean of seven days. Of a hundred and more, tenths say nothing."""
    return None if total is None else round(total / 7) if total >= 700 else total / 7


def say_rate(value: float | None) -> str:
    """A rate of 0 to 1 as a percentage: 34%. Only nothing is 0% and only everything is 100%."""
    if value is None:
        return DASH
    percent = int(round(value * 100, 6) + 0.5)  # halves go up; the inner rounding undoes what binary fractions add
    if percent == 0 and value > 0:
        return "<1%"
    return ">99%" if percent == 100 and value < 1 else f"{percent:,}%"


def say_change(value: float | None) -> str:
    """By how much a number grew or fell: up 34%, down 3%, up less than 1%, the same."""
    if value is None:
        return DASH
    if value == 0:
        return "the same"
    if value > 0.99:  # only of a whole can there be nearly everything
        return f"up {int(round(value * 100, 6) + 0.5):,}%"
    return f"{'up' if value > 0 else 'down'} {say_rate(abs(value)).replace('<', 'less than ').replace('>', 'over ')}"


def say_growth(value: float, before: str) -> str:
    """A change beside what it is measured against: up 12% on the 30 days before, the same as in the 30 days before."""
    return f"{say_change(value)} {'on' if value else 'as in'} {before}"


def say_duration(seconds: float | None) -> str:
    """A length of time: 1,204 h, 3 h 20 min, 12 min, 45 s, 0 min. From 100 hours on, minutes no longer matter."""
    if seconds is None:
        return DASH
    whole = int(seconds)
    if 0 < whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    if hours >= 100:
        return f"{hours:,} h"
    if hours and minutes:
        return f"{hours} h {minutes} min"
    return f"{hours} h" if hours else f"{minutes} min"


def say_position(seconds: float | None) -> str:
    """A place in a video as a player shows it: 4:32, 1:02:05."""
    if seconds is None:
        return DASH
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes}:{second:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def say_day(day: date | None, pattern: str | None = None) -> str:
    """3 March 2026, or as the pattern has it: `DD.MM.YYYY` gives 03.03.2026."""
    return DASH if day is None else _written(day.year, day.month, day.day, pattern or "D MMMM YYYY")


@lru_cache(1_000)  # every table of days says the same ones
def _written(year: int, month: int, day: int, pattern: str) -> str:
    parts = {"YYYY": f"{year:04}", "MMMM": _MONTHS[month - 1], "MMM": _MONTHS[month - 1][:3], "MM": f"{month:02}"}
    parts |= {"DD": f"{day:02}", "D": str(day)}
    return _DATE_PART.sub(lambda found: parts[found[0]], pattern)


def say_short_day(day: date) -> str:
    """3 Mar."""
    return f"{day.day} {_MONTHS[day.month - 1][:3]}"


def say_weekday(day: date, pattern: str | None = None) -> str:
    """Tuesday 3 March, or with the day as the pattern has it."""
    return f"{WEEKDAYS[day.weekday()]} {say_day(day, pattern or 'D MMMM')}"


def say_instant(instant: datetime | None, zone: ZoneInfo, pattern: str | None = None) -> str:
    """3 March 2026, 08:00 in the given zone, the day by the pattern."""
    if instant is None:
        return DASH
    local = instant.astimezone(zone)
    return f"{say_day(local, pattern)}, {local:%H:%M}"


def say_hour(weekday_no: int, hour_no: int) -> str:
    """Tuesday from 08:00 to 09:00; weekday 1 is Monday."""
    return f"{WEEKDAYS[weekday_no - 1]} from {hour_no:02}:00 to {hour_no + 1:02}:00"


def say_money(cents: int | None, currency: str) -> str:
    """1,234.50 EUR; currencies without small units have none: 5,000 JPY."""
    if cents is None:
        return DASH
    sign = "−" if cents < 0 else ""
    amount = f"{abs(cents):,}" if currency in _WITHOUT_CENTS else f"{abs(cents) // 100:,}.{abs(cents) % 100:02}"
    return f"{sign}{amount} {currency}"


def say_zone(instant: datetime, zone: ZoneInfo) -> str:
    """Europe/Berlin (UTC+1) with the offset at that instant; UTC alone."""
    minutes = int((instant.astimezone(zone).utcoffset() or timedelta()).total_seconds()) // 60
    if minutes == 0:
        return "UTC" if zone.key in ("UTC", "Etc/UTC") else f"{zone.key} (UTC)"
    hours, rest = divmod(abs(minutes), 60)
    return f"{zone.key} (UTC{'+' if minutes > 0 else '−'}{hours}{f':{rest:02}' if rest else ''})"


def say_idle(days: int) -> str:
    """9 days, 1 day."""
    return say_many(days, "day")


def say_many(number: int | None, thing: str, things: str | None = None) -> str:
    """A counted thing: 1 student, 2,104 students."""
    return f"{say_count(number)} {thing if number == 1 else things or thing + 's'}"


def say_trend(now: float | None, before: float | None, say: Callable[[float], str] = say_count) -> str | None:
    """How a number moved against the period before: 'up 8 from 112', said by `say`. None where one of them is not known.

    The difference is that of the numbers as they are said, so that whoever subtracts them finds it.
    """
    if now is None or before is None:
        return None
    if say(now) == say(before):
        return "none before either" if not now else "the same as before"
    shown = _as_said if say is say_duration else lambda value: round(value, 1)
    moved = round(abs(shown(now) - shown(before)), 1)
    return f"{'up' if now > before else 'down'} {say(int(moved) if moved == int(moved) else moved)} from {say(before)}"


def _as_said(seconds: float) -> int:
    """The seconds that `say_duration` says."""
    step = 3600 if seconds >= 360_000 else 60 if seconds >= 60 else 1
    return int(seconds) // step * step


def clean(text: str | None, limit: int = 200) -> str:
    """A stranger's text for one line of a page: no control or direction characters, white space folded, cut at `limit`.

    Empty when nothing of it can be seen. The cut never parts a letter from its accents or an emoji from its modifiers.
    """
    start = (text or "")[: limit * 20]
    if not (start.isascii() and start.isprintable()):  # most text is plain, and then has nothing to take out
        start = "".join(" " if char.isspace() else char for char in start if char.isspace() or _is_kept(char))
    shown = " ".join(start.split())
    if not any(_is_seen(char) for char in shown):
        return ""
    if len(shown) <= limit:
        return shown
    end = limit
    while end > limit - 40 and (_joins(shown[end]) or shown[end - 1] == _JOINER):
        end -= 1
    return shown[:end].rstrip() + "…"


def sentence(text: str | None) -> str:
    """Cleaned text with a capital first letter."""
    shown = clean(text, 400)
    return shown[:1].upper() + shown[1:]


def _is_kept(char: str) -> bool:
    is_noncharacter = ord(char) & 0xFFFE == 0xFFFE or "\ufdd0" <= char <= "\ufdef"
    return char not in _INVISIBLE and not is_noncharacter and unicodedata.category(char) not in ("Cc", "Cs")


def _is_seen(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] not in "ZM" and category != "Cf" and char not in _BLANK_LETTERS


def _joins(char: str) -> bool:
    return char == _JOINER or unicodedata.category(char)[0] == "M" or "\U0001f3fb" <= char <= "\U0001f3ff"
