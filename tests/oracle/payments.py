"""What students paid.

Belongs here: payments, revenue_monthly, revenue_overview. Does not: what follows from a failed one (students).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.oracle.moment import Moment
from tests.oracle.numbers import change, nearest


@dataclass(frozen=True)
class Payment:
    """One payment, succeeded or failed."""

    creator_id: UUID
    student_id: UUID | None
    is_paid: bool
    amount: int
    currency: str
    happened_at: datetime


def payments(moment: Moment) -> Iterator[Payment]:
    """All payments so far, of creators who are known: the creator that the event names, else the student's."""
    for row in moment.mirror.all("analytics_events"):
        if row["created_at"] > moment.as_of or row["event_type"] not in ("payment_succeeded", "payment_failed"):
            continue
        student = moment.mirror.student(row["student_id"])
        creator_id = row["creator_id"] or (student and student["creator_id"])
        if creator_id in moment.zones.history:
            data = row["event_data"]
            is_paid = row["event_type"] == "payment_succeeded"
            yield Payment(creator_id, row["student_id"], is_paid, data["amount"], data["currency"].upper(), row["created_at"])


def revenue_monthly(moment: Moment) -> dict[tuple, dict[str, Any]]:
    """One row per creator, month and currency."""
    groups: dict[tuple, list[Payment]] = defaultdict(list)
    for payment in payments(moment):
        month = moment.month(payment.creator_id, payment.happened_at)
        groups[payment.creator_id, month, payment.currency].append(payment)
    rows = {}
    for key, group in groups.items():
        paid = [payment for payment in group if payment.is_paid]
        rows[key] = {
            "payment_count": len(paid),
            "revenue_cents": sum(payment.amount for payment in paid),
            "paying_student_count": len({payment.student_id for payment in paid if payment.student_id}),
            "failed_payment_count": len(group) - len(paid),
        }
    return rows


def revenue_overview(moment: Moment) -> dict[tuple, dict[str, Any]]:
    """One row per creator and currency: this month and the one before."""
    groups: dict[tuple, list[Payment]] = defaultdict(list)
    for payment in payments(moment):
        if (payment.creator_id,) in moment.mirror.rows["creators"]:
            groups[payment.creator_id, payment.currency].append(payment)
    rows = {}
    for key, group in groups.items():
        this = moment.zones.today(key[0], moment.as_of).replace(day=1)
        last = (this - timedelta(days=1)).replace(day=1)
        now, before = (
            [payment for payment in group if moment.month(payment.creator_id, payment.happened_at) == month] for month in (this, last)
        )
        student_count = sum(student["creator_id"] == key[0] for student in moment.students.values())
        rows[key] = {
            "this_month_on": this,
            "this_month_cents": _paid(now),
            "last_month_cents": _paid(before),
            "revenue_change": change(_paid(now), _paid(before)),
            "per_student_cents": nearest(_paid(now), student_count),
            "this_month_failed_count": sum(not payment.is_paid for payment in now),
            "last_month_failed_count": sum(not payment.is_paid for payment in before),
        }
    return rows


def _paid(group: Collection[Payment]) -> int:
    return sum(payment.amount for payment in group if payment.is_paid)
