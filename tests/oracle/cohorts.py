"""How many of those who joined in a month were active in later ones.

Belongs here: cohort_retention. Does not: what a day of a student holds (days).
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from tests.oracle.days import Day, StudentDay
from tests.oracle.moment import Moment
from tests.oracle.numbers import rate


def cohort_retention(moment: Moment, kept: dict[StudentDay, Day], opened_as_of: datetime) -> dict[tuple, dict[str, Any]]:
    """One row per creator who has not left, cohort and month up to the present one."""
    joined: dict[tuple[UUID, date], set[UUID]] = defaultdict(set)
    active: dict[tuple[UUID, date], set[UUID]] = defaultdict(set)
    for (student_id, on), day in kept.items():
        place = (day.creator_id, on.replace(day=1))
        if day.is_joined:
            joined[place].add(student_id)
        if day.is_active:
            active[place].add(student_id)
    rows, there_is = {}, {row["id"] for row in moment.mirror.all("creators")}
    for (creator_id, cohort), members in joined.items():
        if creator_id not in there_is:
            continue
        for number, month in enumerate(_months(cohort, moment.zones.today(creator_id, moment.as_of))):
            there = members & active[creator_id, month]
            rows[creator_id, cohort, month] = {
                "month_no": number,
                "is_partial": moment.zones.began_before(creator_id, month, opened_as_of),
                "student_count": len(members),
                "active_count": len(there),
                "active_rate": rate(len(there), len(members)),
            }
    return rows


def _months(first: date, today: date) -> Iterator[date]:
    month = first
    while month <= today:
        yield month
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
