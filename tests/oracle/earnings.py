"""What students earn on a generated platform: points and achievements.

Belongs here: events after which a student has more, or less. Does not: what they did for it (doings).
"""

from dataclasses import dataclass

from tests.oracle.events import Event
from tests.oracle.place import Place


@dataclass(frozen=True)
class Earn(Event):
    """A student's points change."""

    student: int
    amount: int

    def happen(self, place: Place) -> None:
        if student := place.pick("students", self.student):
            place.add(
                "xp_transactions",
                "points",
                student_id=student["id"],
                action="watched",
                xp_amount=self.amount,
                created_at=place.at(self.when),
            )


@dataclass(frozen=True)
class Unlock(Event):
    """A student unlocks an achievement, once."""

    student: int
    achievement: int

    def happen(self, place: Place) -> None:
        student, at = place.pick("students", self.student), place.at(self.when)
        if student is None:
            return
        achievement_id = place.make_id("achievement", self.achievement)
        if not place.has("achievements", achievement_id):
            place.put("achievements", {"id": achievement_id, "name": "Badge", "xp_value": 10, "rarity": None, "created_at": at})
        if (student["id"], achievement_id) not in place.tables["student_achievements"]:
            place.put("student_achievements", {"student_id": student["id"], "achievement_id": achievement_id, "unlocked_at": at})
