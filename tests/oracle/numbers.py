"""Rates, means and dates as the contracts hold them.

Belongs here: rounding. Does not: what is divided by what.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction

_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]


def _rounded(value: Fraction, digits: int) -> Decimal:
    """Halves go away from 0."""
    shifted = abs(value) * 10**digits
    whole = (shifted.numerator * 2 + shifted.denominator) // (shifted.denominator * 2)
    return Decimal(whole if value >= 0 else -whole).scaleb(-digits)


def rate(part: int, whole: int) -> Decimal | None:
    """A share from 0 to 1, four digits; None without a whole."""
    return _rounded(Fraction(part, whole), 4) if whole else None


def change(now: int, before: int) -> Decimal | None:
    """By how much a number grew, as a share of what it was; None where it was 0."""
    return _rounded(Fraction(now - before, before), 4) if before else None


def nearest(total: int, count: int) -> int | None:
    """A mean of whole numbers, to the nearest one; None over nothing."""
    return int(_rounded(Fraction(total, count), 0)) if count else None


def mean(total: int, count: int) -> Decimal | None:
    """A mean of whole numbers, two digits; None over nothing."""
    return _rounded(Fraction(total, count), 2) if count else None


def percent(total: int, count: int) -> Decimal:
    """A mean of percentages, one digit: cut, so that it never reads as a threshold that it misses."""
    return Decimal(10 * total // count).scaleb(-1)


def median(values: Sequence[int]) -> Decimal | None:
    """The middle one, or between the two in the middle; two digits, None over nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    half = len(ordered) // 2
    return _rounded(Fraction(ordered[half] + ordered[-half - 1], 2), 2)


def long_date(day: date) -> str:
    """3 March 2026."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def counted(count: int, noun: str) -> str:
    """No video, 1 video, 2 videos."""
    return f"No {noun}" if count == 0 else f"{count} {noun}{'' if count == 1 else 's'}"
