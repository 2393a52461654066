"""Revenue of this and last month, one line per currency: currencies are never added to each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.reading import Reading
from reports.wording import say_change, say_many, say_money

_SHOWN = 6


@dataclass(frozen=True)
class Currency:
    """One currency: this month so far and the whole of last month."""

    this_month: str
    last_month: str
    change: str | None
    failed: str | None


@dataclass(frozen=True)
class Revenue:
    """`empty` says why there is nothing."""

    currencies: list[Currency]
    empty: str | None


def build(reading: Reading) -> Revenue:
    """The section from `revenue_overview`, the currency with most revenue of the two months first."""
    table = reading.table("revenue_overview")
    if table is None:
        return Revenue([], reading.absence("revenue_overview", "the revenue", "No payments yet."))
    rows = sorted(table.to_pylist(), key=lambda row: (-(row["this_month_cents"] or 0) - (row["last_month_cents"] or 0), row["currency"]))
    return Revenue([_currency(row) for row in rows[:_SHOWN]], None)


def _currency(row: Mapping[str, Any]) -> Currency:
    change = row["revenue_change"]
    failed = row["this_month_failed_count"]
    return Currency(
        say_money(row["this_month_cents"], row["currency"]),
        say_money(row["last_month_cents"], row["currency"]),
        _against_last_month(change) if change is not None else None,
        f"{say_many(failed, 'payment')} failed this month" if failed else None,
    )


def _against_last_month(change: float) -> str:
    return f"{say_change(change)} so far, against the whole of last month" if change else "as much as in the whole of last month"
