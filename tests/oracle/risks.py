"""What is going wrong with a student.

Belongs here: the flags of student_engagement_tiers. Does not: the tier (students), what to do about it (recommendations).
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.oracle.ledger import Gain
from tests.oracle.moment import QUIZ, Moment
from tests.oracle.payments import payments

_WORST_FIRST = ("inactive", "at_risk", "low_engagement", "moderate", "engaged", "highly_engaged")
_LEFT_ALONE = timedelta(days=7)


def tiers_a_week_ago(moment: Moment, transitions: Mapping[tuple, Mapping[str, Any]]) -> dict[UUID, str]:
    """Per student the tier that the newest transition of a week ago or earlier led to."""
    found: dict[UUID, tuple[datetime, str]] = {}
    for (student_id, changed_at), row in transitions.items():
        if changed_at <= moment.as_of - _LEFT_ALONE:
            found[student_id] = max(found.get(student_id, (changed_at, row["to_tier"])), (changed_at, row["to_tier"]))
    return {student_id: tier for student_id, (_, tier) in found.items()}


def has_slipped(before: str | None, now: str) -> bool:
    """Whether the tier is worse than the one before."""
    return before is not None and _WORST_FIRST.index(now) < _WORST_FIRST.index(before)


def failed_twice(moment: Moment) -> set[UUID]:
    """Students who failed a quiz twice on the last 14 local days and never passed it."""
    recent: dict[tuple[UUID, UUID], int] = defaultdict(int)
    passed: set[tuple[UUID, UUID]] = set()
    for deed in moment.deeds:
        if deed.kind == QUIZ:
            at = (deed.student_id, deed.row["quiz_id"])
            ago = moment.days_ago(deed.creator_id, deed.happened_at)
            assert ago is not None
            if deed.row["passed"]:
                passed.add(at)
            elif ago < 14:
                recent[at] += 1
    return {at[0] for at, count in recent.items() if count >= 2 and at not in passed}


def is_stalled(moment: Moment, watched: list[Gain], tier: str) -> bool:
    """Whether an active student has left a video between 5% and 90% alone for a week."""
    left = [gain for gain in watched if not gain.is_completed and 5 <= gain.completion_percentage <= 90]
    return tier not in ("at_risk", "inactive") and any(moment.as_of - gain.observed_at >= _LEFT_ALONE for gain in left)


def payment_failed(moment: Moment) -> set[UUID]:
    """Students with a payment that failed on the last 30 local days, and none that succeeded since."""
    of_student = defaultdict(list)
    for payment in payments(moment):
        if payment.student_id in moment.students and moment.students[payment.student_id]["creator_id"] == payment.creator_id:
            of_student[payment.student_id].append(payment)
    found = set()
    for student_id, made in of_student.items():
        for payment in made:
            ago = moment.days_ago(payment.creator_id, payment.happened_at)
            is_made_good = any(other.is_paid and other.happened_at > payment.happened_at for other in made)
            if not payment.is_paid and ago is not None and ago < 30 and not is_made_good:
                found.add(student_id)
    return found
