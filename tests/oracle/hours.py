"""At which hours of the week students are active.

Belongs here: hourly_activity, hours with an active student. Does not: days (days).
"""

from collections import Counter
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from tests.oracle.moment import Moment
from tests.oracle.numbers import rate


def student_hours(moment: Moment) -> set[tuple[UUID, UUID, date, int]]:
    """Creator, student, local day and hour of everything that students did."""
    happened = [(gain.creator_id, gain.student_id, gain.observed_at) for gain in moment.gains]
    happened += [(deed.creator_id, deed.student_id, deed.happened_at) for deed in moment.deeds]
    found = set()
    for creator_id, student_id, at in happened:
        local = moment.zones.local(creator_id, at)
        found.add((creator_id, student_id, local.date(), local.hour))
    return found


def hourly_activity(moment: Moment) -> dict[tuple, dict[str, Any]]:
    """One row per creator, weekday and hour."""
    counts: Counter[tuple] = Counter()
    for creator_id, _, on, hour in student_hours(moment):
        if on > moment.zones.today(creator_id, moment.as_of) - timedelta(days=30):
            counts[creator_id, on.isoweekday(), hour] += 1
            counts[creator_id] += 1
    return {
        (creator_id, weekday, hour): {
            "student_hour_count": counts[creator_id, weekday, hour],
            "share_rate": rate(counts[creator_id, weekday, hour], counts[creator_id]),
        }
        for creator_id in moment.creators
        for weekday in range(1, 8)
        for hour in range(24)
    }
