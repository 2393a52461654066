"""How a value of a column that the page does not know reads: by its unit, then by its type."""

from datetime import date, datetime

from reports.document import Column
from reports.reading import Reading
from reports.wording import DASH, clean, say_change, say_count, say_duration, say_rate


def say_value(value: object, column: Column, reading: Reading) -> str:
    """Any value of a frame in words, a dash for null."""
    match value:
        case None:
            return DASH
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return {"rate": say_rate, "change": say_change, "seconds": say_duration}.get(column.unit or "", say_count)(value)
        case datetime():
            return reading.say_instant(value)
        case date():
            return reading.say_day(value)
        case _:
            return clean(str(value), 120) or DASH
