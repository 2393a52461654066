"""What students do on a generated platform: watching, asking, quizzes, projects.

Belongs here: events of students. Does not: the platform around them (events).
"""

from dataclasses import dataclass, field
from typing import Any

from tests.oracle.events import Event
from tests.oracle.mirror import Row
from tests.oracle.place import Place
from tests.oracle.schedules import When

MOVES, STANDS = "moves", "stands"
"""What updated_at of a progress row does when the row changes: it takes the event's time, or it stays as it was."""


@dataclass(frozen=True)
class Watch(Event):
    """Some students watch some videos: `seconds` more (fewer: a reset), to `completion`.

    `students` and `videos` say how many in a row, from the numbers `student` and `video` on.
    """

    student: int
    students: int
    video: int
    videos: int
    seconds: int
    completion: int
    is_completed: bool
    position: int
    clock: str

    def happen(self, place: Place) -> None:
        students, videos = list(place.tables["students"].values()), list(place.tables["videos"].values())
        for number in range(min(self.students, len(students))):
            for other in range(min(self.videos, len(videos))):
                self._watch(place, students[(self.student + number) % len(students)], videos[(self.video + other) % len(videos)])

    def _watch(self, place: Place, student: Row, video: Row) -> None:
        at = place.at(self.when)
        row = place.tables["video_progress"].get((student["id"], video["id"]))
        values = {"completion_percentage": self.completion, "completed": self.is_completed, "last_position_seconds": self.position}
        if row is None:
            new_id = place.make_new_id("progress")
            place.put(
                "video_progress",
                {"id": new_id, "student_id": student["id"], "video_id": video["id"], "created_at": at, "updated_at": at, "watch_time_seconds": max(self.seconds, 0)}
                | values,
            )  # fmt: skip
        else:
            moved = at if self.clock == MOVES else row["updated_at"]
            place.change(
                "video_progress", row, watch_time_seconds=max(row["watch_time_seconds"] + self.seconds, 0), updated_at=moved, **values
            )


@dataclass(frozen=True)
class Touch(Event):
    """A progress row gets a new updated_at and nothing else."""

    progress: int

    def happen(self, place: Place) -> None:
        if row := place.pick("video_progress", self.progress):
            place.change("video_progress", row, updated_at=place.at(self.when))


@dataclass(frozen=True)
class Say(Event):
    """A message in a conversation of a student, who has up to two; the conversation begins with it when there is none."""

    student: int
    conversation: int
    role: str
    text: str
    feedback: str | None
    references: Any = None
    """Entries of video_references; `{"video": N}` stands for one about the creator's Nth video."""

    def happen(self, place: Place) -> None:
        student, at = place.pick("students", self.student), place.at(self.when)
        if student is None:
            return
        session_id = place.make_id(f"session of {student['id']}", self.conversation)
        if not place.has("chat_sessions", session_id):
            place.put(
                "chat_sessions",
                {"id": session_id, "student_id": student["id"], "creator_id": place.creator_id, "title": "Chat", "created_at": at, "updated_at": at},
            )  # fmt: skip
        place.add(
            "chat_messages", "message", session_id=session_id, role=self.role, content=self.text, feedback=self.feedback, created_at=at,
            video_references=self._references(place),
        )  # fmt: skip

    def _references(self, place: Place) -> Any:
        """With the ids of the videos that are meant."""
        if not isinstance(self.references, list | tuple):
            return self.references
        found = []
        for entry in self.references:
            meant = place.pick("videos", entry["video"]) if isinstance(entry, dict) and "video" in entry else None
            found.append({**entry, "video_id": str(meant["id"])} if meant else entry)
        return found


@dataclass(frozen=True)
class Retitle(Event):
    """A conversation gets another title."""

    conversation: int
    title: str

    def happen(self, place: Place) -> None:
        if row := place.pick("chat_sessions", self.conversation):
            place.change("chat_sessions", row, title=self.title, updated_at=place.at(self.when))


@dataclass(frozen=True)
class Rate(Event):
    """Feedback on a message, or taken back; the source keeps no time of it."""

    message: int
    feedback: str | None

    def happen(self, place: Place) -> None:
        if row := place.pick("chat_messages", self.message):
            place.change("chat_messages", row, feedback=self.feedback)


@dataclass(frozen=True)
class Attempt(Event):
    """A student finishes a quiz, once or `times` in a row."""

    student: int
    quiz: int
    score: int
    is_passed: bool
    answers: Any = field(default_factory=dict)
    seconds: int | None = None
    times: int = 1

    def happen(self, place: Place) -> None:
        student, quiz = place.pick("students", self.student), place.pick("quizzes", self.quiz)
        if not student or not quiz:
            return
        for _ in range(self.times):
            place.add(
                "quiz_attempts", "attempt", quiz_id=quiz["id"], student_id=student["id"], score=self.score, passed=self.is_passed,
                answers=self.answers, time_taken_seconds=self.seconds, completed_at=place.at(self.when),
            )  # fmt: skip


@dataclass(frozen=True)
class Regrade(Event):
    """An attempt gets another score, and may pass or fail by it."""

    attempt: int
    score: int
    is_passed: bool

    def happen(self, place: Place) -> None:
        if row := place.pick("quiz_attempts", self.attempt):
            place.change("quiz_attempts", row, score=self.score, passed=self.is_passed)


@dataclass(frozen=True)
class Reanswer(Event):
    """The answers of an attempt are written again."""

    attempt: int
    answers: Any

    def happen(self, place: Place) -> None:
        if row := place.pick("quiz_attempts", self.attempt):
            place.change("quiz_attempts", row, answers=self.answers)


@dataclass(frozen=True)
class Pay(Event):
    """A payment, or one that failed; the event names the creator, the student, or both."""

    student: int
    amount: int
    currency: str
    is_paid: bool
    names_creator: bool
    names_student: bool

    def happen(self, place: Place) -> None:
        student = place.pick("students", self.student)
        place.add(
            "analytics_events", "event", student_id=student["id"] if student and self.names_student else None,
            creator_id=place.creator_id if self.names_creator else None, event_type="payment_succeeded" if self.is_paid else "payment_failed",
            event_data={"membership_id": "m", "amount": self.amount, "currency": self.currency}, created_at=place.at(self.when),
        )  # fmt: skip


@dataclass(frozen=True)
class Submit(Event):
    """Work on a project: begun, and handed in at `handed_in` if ever."""

    student: int
    project: int
    status: str
    handed_in: When | None
    score: int | None = None

    def happen(self, place: Place) -> None:
        student, project, at = place.pick("students", self.student), place.pick("projects", self.project), place.at(self.when)
        if student and project:
            place.add(
                "project_submissions", "submission", project_id=project["id"], student_id=student["id"], status=self.status, score=self.score,
                submitted_at=place.at(self.handed_in) if self.handed_in else None, reviewed_at=None, created_at=at, updated_at=at,
            )  # fmt: skip


@dataclass(frozen=True)
class ChangeSubmission(Event):
    """Work on a project moves on, is handed in again, or is taken back."""

    submission: int
    status: str
    score: int | None
    handed_in: When | None

    def happen(self, place: Place) -> None:
        if row := place.pick("project_submissions", self.submission):
            at = place.at(self.handed_in) if self.handed_in else None
            place.change("project_submissions", row, status=self.status, score=self.score, submitted_at=at, updated_at=place.at(self.when))
