"""What exists at an instant: creators, students and their things, and what students had done by then.

Belongs here: who and what counts at all. Does not: how it is counted.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from uuid import UUID

from tests.oracle.ledger import Gain, Ledger, Pair
from tests.oracle.mirror import Mirror, Row
from tests.oracle.zones import Zones

QUIZ, MESSAGE, SUBMISSION = "quiz attempt", "message", "submission"


@dataclass(frozen=True)
class Deed:
    """Something that a student did, other than watching: a quiz attempt, a message, a submission."""

    kind: str
    student_id: UUID
    creator_id: UUID
    happened_at: datetime
    row: Row


@dataclass(frozen=True)
class Moment:
    """The mirror, the ledger and the calendar, seen at `as_of`: later events do not count yet."""

    mirror: Mirror
    ledger: Ledger
    zones: Zones
    as_of: datetime

    def _made(self, table: str) -> Iterator[Row]:
        return (row for row in self.mirror.all(table) if row["created_at"] <= self.as_of)

    @cached_property
    def creators(self) -> dict[UUID, Row]:
        """Creators who were here."""
        return {row["id"]: row for row in self._made("creators")}

    @cached_property
    def students(self) -> dict[UUID, Row]:
        """Students who had joined, of creators who are known."""
        return {row["id"]: row for row in self._made("students") if row["creator_id"] in self.zones.history}

    @cached_property
    def videos(self) -> dict[UUID, Row]:
        """Videos that were there, of creators who are known."""
        return {row["id"]: row for row in self._made("videos") if row["creator_id"] in self.zones.history}

    @cached_property
    def quizzes(self) -> dict[UUID, Row]:
        """Quizzes that were there, of creators who are known."""
        return {row["id"]: row for row in self._made("quizzes") if row["creator_id"] in self.zones.history}

    @cached_property
    def courses(self) -> dict[UUID, Row]:
        """Courses that were there."""
        return {row["id"]: row for row in self._made("courses")}

    @cached_property
    def standing(self) -> dict[Pair, Gain]:
        """How far each student had got in each video that the source still says; of students and videos that exist, both of one creator."""
        known = self.mirror.rows["video_progress"]
        return {pair: gain for pair, gain in self.ledger.standing(self.as_of).items() if pair in known and self._is_own(*pair)}

    def _is_own(self, student_id: UUID, video_id: UUID) -> bool:
        student, video = self.students.get(student_id), self.videos.get(video_id)
        return student is not None and video is not None and student["creator_id"] == video["creator_id"]

    @cached_property
    def gains(self) -> list[Gain]:
        """Rows of the ledger up to `as_of`, of creators who are known: others have no calendar yet."""
        return [gain for gain in self.ledger.until(self.as_of) if gain.creator_id in self.zones.history]

    @cached_property
    def conversations(self) -> dict[UUID, tuple[Row, list[Row]]]:
        """Sessions of students with their own creator's assistant, and the messages in them: in order, a student's before the answer at the same instant."""
        found = {}
        for session in self.mirror.all("chat_sessions"):
            student = self.mirror.student(session["student_id"])
            if student and student["creator_id"] == session["creator_id"]:
                found[session["id"]] = (session, [])
        for message in self._made("chat_messages"):
            if message["session_id"] in found:
                found[message["session_id"]][1].append(message)
        for _, messages in found.values():
            messages.sort(key=lambda row: (row["created_at"], row["role"] != "user", row["id"]))
        return found

    @cached_property
    def deeds(self) -> list[Deed]:
        """All that students did up to `as_of`, watching left out."""
        return [*self._attempts(), *self._messages(), *self._submissions()]

    def _attempts(self) -> Iterable[Deed]:
        for row in self.mirror.all("quiz_attempts"):
            yield from self._deed(QUIZ, row["student_id"], self.mirror.rows["quizzes"].get((row["quiz_id"],)), row["completed_at"], row)

    def _messages(self) -> Iterable[Deed]:
        for session, messages in self.conversations.values():
            for row in messages:
                if row["role"] == "user":
                    yield from self._deed(MESSAGE, session["student_id"], session, row["created_at"], row)

    def _submissions(self) -> Iterable[Deed]:
        for row in self.mirror.all("project_submissions"):
            yield from self._deed(
                SUBMISSION, row["student_id"], self.mirror.rows["projects"].get((row["project_id"],)), row["submitted_at"], row
            )

    def _deed(self, kind: str, student_id: UUID, about: Row | None, at: datetime | None, row: Row) -> Iterable[Deed]:
        """A deed counts when it has happened, student and content are known, and both belong to one creator who is known too."""
        student = self.mirror.student(student_id)
        if not student or not about or at is None or at > self.as_of:
            return
        if about["creator_id"] == student["creator_id"] and student["creator_id"] in self.zones.history:
            yield Deed(kind, student_id, student["creator_id"], at, row)

    def day(self, creator_id: UUID, instant: datetime) -> date:
        """The creator's local day of `instant`."""
        return self.zones.day_of(creator_id, instant)

    def month(self, creator_id: UUID, instant: datetime) -> date:
        """The first day of the creator's local month of `instant`."""
        return self.day(creator_id, instant).replace(day=1)

    def days_ago(self, creator_id: UUID, instant: datetime | None) -> int | None:
        """How many local days before today `instant` was: 0 is today; None for None."""
        if instant is None:
            return None
        return (self.zones.today(creator_id, self.as_of) - self.day(creator_id, instant)).days
