"""What people write on the command line, parsed: instants, durations, days, ids. Wrong input is a `UsageProblem` with an example."""

import re
from datetime import UTC, date, datetime, timedelta

import click

from pipelines.problem import UsageProblem

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class _AsOf(click.ParamType):
    name = "instant"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """An ISO 8601 instant, UTC unless it names an offset; never in the future."""
        if isinstance(value, datetime):
            return value
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            raise UsageProblem(f"--as-of {value!r} is not an instant; write it like 2026-03-01T06:00Z.") from None
        instant = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
        if instant > datetime.now(UTC):
            raise UsageProblem(f"--as-of {instant:%Y-%m-%d %H:%M} UTC lies in the future; give an instant that has passed.")
        return instant


class _Duration(click.ParamType):
    name = "duration"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """A number and a unit: 30s, 15m, 24h, 7d."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"(\d{1,9})([smhd])", value.strip())
        if match is None or int(match[1]) == 0:
            raise UsageProblem(f"--for {value!r} is not a duration; write it like 30s, 15m, 24h or 7d.")
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


AS_OF = _AsOf()
DURATION = _Duration()


def parse_day(ctx: click.Context, param: click.Parameter, value: str | None) -> date | None:
    """A day like 2014-06-30, or None."""
    try:
        return date.fromisoformat(value) if value is not None else None
    except ValueError:
        raise UsageProblem(f"{param.opts[0]} {value!r} is not a day; write it like 2014-06-30.") from None


def parse_day_or_middle(ctx: click.Context, param: click.Parameter, value: str | None) -> date | str | None:
    """A day like 2014-06-30, the word `middle`, or None."""
    return value if value == "middle" else parse_day(ctx, param, value)


def parse_filters(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """`name=value` as often as one likes, as a dict."""
    found = {}
    for item in value:
        name, sign, wanted = item.partition("=")
        if not sign or not name.strip():
            raise UsageProblem(f"--filter {item[:60]!r} is not a filter; write it like tier=at_risk.")
        if name.strip() in found:
            raise UsageProblem(
                f"--filter {name.strip()[:60]} is given twice ({found[name.strip()][:60]}, {wanted.strip()[:60]}); give one value."
            )
        found[name.strip()] = wanted.strip()
    return found
