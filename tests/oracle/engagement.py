"""How busy a creator's days are.

Belongs here: what creator_overview says of windows of days and of hours. Does not: the days themselves (days), hours of the week (hours), students.
"""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.oracle.hours import student_hours
from tests.oracle.moment import Moment
from tests.oracle.numbers import change, mean, rate

DAY = timedelta(days=1)


def of_days(moment: Moment, creator_id: UUID, daily: dict[tuple, dict[str, Any]], opened_as_of: datetime) -> dict[str, Any]:
    """Numbers of the last 7, 30 and 90 days, from the rows of daily_activity; a day without a row was quiet."""
    today = moment.zones.today(creator_id, moment.as_of)

    def rows(newest: int, oldest: int) -> list[dict[str, Any]]:
        days = [today - ago * DAY for ago in range(newest, oldest)]
        return [daily[creator_id, on] for on in days if (creator_id, on) in daily]

    found: dict[str, Any] = {}
    for length in (7, 30, 90):
        days = rows(0, length)
        whole = [row for row in days if not row["is_partial"]]
        found[f"active_day_{length}d_count"] = sum(row["active_student_count"] > 0 for row in days)
        found[f"avg_daily_active_{length}d"] = mean(sum(row["active_student_count"] for row in days), length)
        found[f"avg_active_minutes_{length}d"] = mean(
            sum(row["watch_seconds"] for row in whole), 60 * sum(row["active_student_count"] for row in whole)
        )
    is_known = not moment.zones.began_before(creator_id, today - 59 * DAY, opened_as_of)
    for column, name in (("completion_count", "completion_30d"), ("watch_seconds", "watch_30d")):
        now, before = (sum(row[column] for row in rows(*window)) for window in ((0, 30), (30, 60)))
        found[f"{name}_{column.rpartition('_')[2]}"] = now
        found[f"{name}_change"] = change(now, before) if is_known else None
    return found


def of_hours(moment: Moment, creator_id: UUID) -> dict[str, Any]:
    """The busiest hour of the last 30 days."""
    since = moment.zones.today(creator_id, moment.as_of) - 30 * DAY
    counts = Counter(hour for owner, _, on, hour in student_hours(moment) if owner == creator_id and on > since)
    peak = min(counts, key=lambda hour: (-counts[hour], hour), default=None)
    return {"peak_hour_no": peak, "peak_hour_rate": None if peak is None else rate(counts[peak], counts.total())}


def of_chats(moment: Moment, creator_id: UUID) -> dict[str, Any]:
    """How long the conversations are that began in the last 90 days, of students who have joined."""
    today: date = moment.zones.today(creator_id, moment.as_of)
    lengths = []
    for session, messages in moment.conversations.values():
        if session["creator_id"] == creator_id and session["student_id"] in moment.students and messages:
            begun = min(moment.day(creator_id, message["created_at"]) for message in messages)
            lengths += [len(messages)] if (today - begun).days < 90 else []
    return {"avg_messages_per_chat": mean(sum(lengths), len(lengths))}
