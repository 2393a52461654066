"""What students paid.

Belongs here: payments, revenue_monthly. Does not: what follows from a failed one (students).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.oracle.moment import Moment


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
        month = moment.day(payment.creator_id, payment.happened_at).replace(day=1)
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
