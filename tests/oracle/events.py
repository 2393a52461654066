"""What happens on a generated platform.

Belongs here: events, each as the source would show it: rows and their clocks. Does not: which events happen (platforms), what they mean (the oracle).

Each event names the run that is the first to see it (`run`), and refers to students, videos and so on by a number counted round over those that exist:
so any event can be left out, and what is left still makes sense. An event about something that does not exist does nothing.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from tests.oracle.place import Place
from tests.oracle.schedules import When


@dataclass(frozen=True)
class Event(ABC):
    """Something that run number `run` is the first to see; it carries the time `when`."""

    run: int
    when: When

    @abstractmethod
    def happen(self, place: Place) -> None:
        """Change the rows of the platform."""


@dataclass(frozen=True)
class Found(Event):
    """The creator signs up, with a plan."""

    name: str
    plan: str

    def happen(self, place: Place) -> None:
        at = place.at(self.when)
        row = {"current_plan": self.plan, "plan_expires_at": None, "created_at": at, "updated_at": at}
        place.put("creators", {"id": place.creator_id, "company_name": self.name, **row})


@dataclass(frozen=True)
class ChangePlan(Event):
    """The creator renames the company and changes the plan."""

    name: str
    plan: str
    expires: When | None

    def happen(self, place: Place) -> None:
        if row := place.pick("creators", 0):
            ends = place.at(self.expires) if self.expires else None
            place.change(
                "creators", row, company_name=self.name, current_plan=self.plan, plan_expires_at=ends, updated_at=place.at(self.when)
            )


@dataclass(frozen=True)
class SetPreferences(Event):
    """The creator stores preferences: any JSON."""

    stored: Any

    def happen(self, place: Place) -> None:
        place.put(
            "creator_preferences",
            {"creator_id": place.creator_id, "export_preferences": self.stored, "updated_at": place.at(self.when)},
        )


@dataclass(frozen=True)
class AddCourse(Event):
    """A course appears."""

    is_active: bool

    def happen(self, place: Place) -> None:
        at = place.at(self.when)
        place.add(
            "courses",
            "course",
            creator_id=place.creator_id,
            title="Course",
            is_active=self.is_active,
            order_index=0,
            created_at=at,
            updated_at=at,
        )


@dataclass(frozen=True)
class SwitchCourse(Event):
    """A course is offered, or no longer, and gets another title."""

    course: int
    is_active: bool
    title: str = "Course"

    def happen(self, place: Place) -> None:
        if row := place.pick("courses", self.course):
            place.change("courses", row, is_active=self.is_active, title=self.title, updated_at=place.at(self.when))


@dataclass(frozen=True)
class AddVideos(Event):
    """Videos appear, in a course or outside."""

    count: int
    course: int | None
    title: str
    category: str | None
    duration_seconds: int | None
    is_processed: bool
    tags: tuple[str | None, ...] | None = None

    def happen(self, place: Place) -> None:
        at, course = place.at(self.when), None if self.course is None else place.pick("courses", self.course)
        for _ in range(self.count):
            place.add(
                "videos", "video", creator_id=place.creator_id, course_id=course and course["id"], title=self.title, category=self.category,
                duration_seconds=self.duration_seconds, transcript_processed=self.is_processed, tags=self.tags, order_index=0, created_at=at, updated_at=at,
            )  # fmt: skip


@dataclass(frozen=True)
class ChangeVideo(Event):
    """A video gets other facts, or moves to another course."""

    video: int
    course: int | None
    title: str
    category: str | None
    duration_seconds: int | None
    is_processed: bool
    tags: tuple[str | None, ...] | None = None

    def happen(self, place: Place) -> None:
        course = None if self.course is None else place.pick("courses", self.course)
        if row := place.pick("videos", self.video):
            place.change(
                "videos", row, course_id=course and course["id"], title=self.title, category=self.category,
                duration_seconds=self.duration_seconds, transcript_processed=self.is_processed, tags=self.tags, updated_at=place.at(self.when),
            )  # fmt: skip


@dataclass(frozen=True)
class AddTasks(Event):
    """Quizzes, each with the same questions (any list of objects), and projects appear."""

    quizzes: int
    projects: int
    questions: tuple[Any, ...] = ()

    def happen(self, place: Place) -> None:
        at = place.at(self.when)
        quiz = {"difficulty": None, "questions": self.questions, "passing_score": 70}
        for table, kind, count, facts in (("quizzes", "quiz", self.quizzes, quiz), ("projects", "project", self.projects, {})):
            for _ in range(count):
                place.add(table, kind, creator_id=place.creator_id, title="Task", created_at=at, updated_at=at, **facts)


@dataclass(frozen=True)
class ChangeQuiz(Event):
    """A quiz gets another title, difficulty and questions."""

    quiz: int
    title: str
    difficulty: str | None
    questions: tuple[Any, ...]

    def happen(self, place: Place) -> None:
        if row := place.pick("quizzes", self.quiz):
            place.change(
                "quizzes", row, title=self.title, difficulty=self.difficulty, questions=self.questions, updated_at=place.at(self.when)
            )


@dataclass(frozen=True)
class Join(Event):
    """Students join."""

    count: int
    name: str | None
    email: str | None
    seen: When | None

    def happen(self, place: Place) -> None:
        at, seen = place.at(self.when), place.at(self.seen) if self.seen else None
        for _ in range(self.count):
            place.add(
                "students", "student", creator_id=place.creator_id, email=self.email, name=self.name, xp_points=0, level=1, streak_days=0,
                onboarding_completed=False, membership_status="active", last_active=seen, created_at=at, updated_at=at,
            )  # fmt: skip


@dataclass(frozen=True)
class ChangeStudent(Event):
    """A student's row changes; `seen`: the app notes the student as last active then."""

    student: int
    name: str | None
    points: int
    status: str
    seen: When | None

    def happen(self, place: Place) -> None:
        if row := place.pick("students", self.student):
            seen = place.at(self.seen) if self.seen else row["last_active"]
            place.change(
                "students", row, name=self.name, xp_points=self.points, level=1 + self.points // 100, streak_days=self.points % 7,
                membership_status=self.status, last_active=seen, updated_at=place.at(self.when),
            )  # fmt: skip


@dataclass(frozen=True)
class Withhold(Event):
    """A row that is not committed yet: no run sees it until `Commit`."""

    table: str
    number: int

    def happen(self, place: Place) -> None:
        if row := place.pick(self.table, self.number):
            place.withhold(self.table, row)


@dataclass(frozen=True)
class Commit(Event):
    """All rows that were withheld can be seen, changed at last now."""

    def happen(self, place: Place) -> None:
        place.commit(place.at(self.when))
