"""Strategies of hypothesis that generate platforms: what exists at first, and what happens between the runs.

Belongs here: which events are drawn, and how often. Does not: what an event does (events, doings).
"""

import hashlib
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

from tests.oracle import doings, earnings, events, removals
from tests.oracle.events import Event
from tests.oracle.schedules import When

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Pago_Pago",
    "America/St_Johns", "Asia/Beirut", "America/Havana", "Africa/Cairo", "Etc/GMT+12", "Asia/Kathmandu",
)  # fmt: skip
"""East and west of each other, half-hour and quarter-hour ones, and clocks that change at midnight."""

_MALFORMED: tuple[Any, ...] = (
    None, [], "Europe/Berlin", 5, {}, {"timezone": None}, {"timezone": 5}, {"timezone": {"name": "UTC"}}, {"timezone": "Mars/Olympus"},
    {"dateFormat": "DD.MM.YYYY", "includeMetadata": True}, {"dateFormat": "MMMM D, YYYY", "includeMetadata": "yes"}, {"dateFormat": 7, "includeMetadata": 1},
    {"timezone": "europe/berlin"}, {"timezone": "localtime"}, {"timezone": ""}, {"timezone": "posix/Europe/Berlin"}, [{"timezone": "Asia/Kolkata"}],
)  # fmt: skip

_LONG = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(157))[:10_000]
"""No compression makes it fit into an index."""

_HOSTILE = (
    "", "=1+1", "<script>alert(1)</script>", "\u202eright to left", "👩‍👩‍👧 family 🦊", "مرحبا", "a'b\"c\\d;--", _LONG, "\ufeff\u200b", "line\nbreak\ttab",
)  # fmt: skip

_TAGS = (
    None, None, (), ("light",), ("light", "Light", "light"), ("portrait", " light\t"), (None, "", " ", "\n"), ("y" * 10_000, "y" * 201), ("مرحبا", "👩‍👩‍👧", "=1+1"),
)  # fmt: skip

_ASKED = (
    "How do I install it", "how do I install it?!", "HOW DO I “INSTALL” IT…", "what's a café?", "whats a cafe\u0301", "What is c++?", "What is c#?",
    "ten chars!", "eleven char", "????????????", "!!!!!!!!!!!!", "Как это работает?", "как это работает", "İstanbul nerede?", "ΟΔΥΣΣΕΥΣ ποιος", "   \t   \n      ",
    "مرحبا كيف الحال؟", "Ｈｏｗ ｄｏ I install it", "why 🦊 does it happen", "How do I " + "really " * 1_500 + "install it",
)  # fmt: skip

QUESTIONS: tuple[tuple[Any, ...], ...] = (
    (),
    ({"id": "q1", "question": "Which?", "correct_answer": "a", "points": 1}, {"id": 2, "question": "How many?", "correct_answer": 3}),
    ({"id": "q1", "question": "=1+1", "correct_answer": True}, {"id": "q1", "correct_answer": "b"}, {"question": "no id", "correct_answer": "a"}, {}),
    ({"id": None}, {"id": ["q1"]}, {"id": {}}, {"id": True, "correct_answer": "a"}, {"id": "x" * 201, "correct_answer": "a"}, {"id": "", "correct_answer": ""}),
    ({"id": "q1", "question": ["nested"], "correct_answer": ["a", "b"]}, {"id": "2", "question": None, "correct_answer": None}, {"id": "x" * 200}),
)  # fmt: skip
"""Questions of quizzes as they should be, and as they should not."""

_ANSWERS: tuple[Any, ...] = (
    {}, {"q1": "a", "2": 3}, {"q1": "b", "2": "3"}, {"q1": None, "2": 4}, {"q1": True}, {"q1": "true", "q9": "a"}, {"q1": ["a", "b"], "2": "a"},
    {"q1": ["b", "a"], "": "", "x" * 200: "y"}, {"true": "a", "null": "a", "x" * 201: "a"},
)  # fmt: skip

_REFERENCES: tuple[Any, ...] = (
    None, (),
    ({"video": 0, "timestamp": 12, "relevance_score": 0.5}, {"video": 1, "timestamp": 90.5, "relevance_score": 0.9}),
    ({"video": 1, "timestamp": 12, "relevance_score": 0.5}, {"video": 0, "timestamp": 30, "relevance_score": 0.5}),
    ({"video": 0, "timestamp": 30},),
    ({"video": 1, "timestamp": "1:30", "relevance_score": "high"}, {"video": 0, "relevance_score": -1}),
    (None, 5, "text", [], {"video_id": 5}, {"video_id": "f"}, {"video": 2, "timestamp": -1}),
    ({"video_id": "00000000-0000-0000-0000-000000000000", "timestamp": 5, "relevance_score": 2}, {"video": 0, "timestamp": 86400}),
)  # fmt: skip
"""Where answers point at, as it should be, and as it should not."""

_REMOVED = (
    "students", "videos", "video_progress", "chat_messages", "chat_sessions", "quiz_attempts", "quizzes", "project_submissions", "projects", "courses",
    "xp_transactions", "student_achievements", "achievements",
)  # fmt: skip

_text = st.one_of(
    st.sampled_from(_HOSTILE), st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"], exclude_characters="\x00"), max_size=12)
)
_maybe_text = st.one_of(st.none(), _text)
_number = st.integers(0, 11)
_zone = st.sampled_from(ZONES)
_ticks = st.sampled_from((0, 0, 0, -1, 1))
_feedback = st.sampled_from((None, None, "positive", "negative", "meh"))
_tier_days = st.sampled_from((0, 6, 7, 7, 8, 13, 14, 14, 15, 29, 30, 59, 60, 89, 90))

_recent = st.builds(When, kind=st.just("before"), minutes=st.integers(0, 100), ticks=_ticks)
_ahead = st.builds(When, kind=st.just("before"), minutes=st.integers(-300, 0), ticks=_ticks)
_past = st.builds(
    When, kind=st.just("before"), days=st.one_of(_tier_days, st.integers(0, 100)), minutes=st.integers(-90, 1400), ticks=_ticks
)
_exact = st.builds(When, kind=st.just("due"), days=_tier_days, run=st.integers(0, 9), ticks=_ticks)
_midnight = st.builds(
    When, kind=st.just("midnight"), days=st.one_of(_tier_days, st.integers(0, 3)), minutes=st.sampled_from((0, 0, -30, 30, 90)), ticks=_ticks, zone=_zone
)  # fmt: skip
_when = st.one_of(_recent, _recent, _recent, _ahead, _past, _exact, _midnight)
_long_ago = st.one_of(_past, _past, _exact, _midnight, _recent)
_maybe_when = st.one_of(st.none(), _when)

_preferences = st.one_of(st.builds(lambda zone: {"timezone": zone}, _zone), st.sampled_from(_MALFORMED))
_course = st.one_of(st.none(), st.integers(0, 1))
_video_facts = {
    "course": _course,
    "title": _text,
    "category": _maybe_text,
    "duration_seconds": st.one_of(st.none(), st.integers(0, 7200)),
    "is_processed": st.booleans(),
    "tags": st.sampled_from(_TAGS),
}
_watching = {
    "student": _number,
    "video": _number,
    "seconds": st.one_of(st.integers(0, 600), st.integers(0, 600), st.integers(-600, -1)),
    "completion": st.one_of(st.integers(0, 100), st.sampled_from((0, 24, 25, 49, 50, 74, 75, 100))),
    "is_completed": st.booleans(),
    "position": st.integers(0, 3600),
    "clock": st.sampled_from((doings.MOVES, doings.MOVES, doings.MOVES, doings.STANDS)),
}
_questions = st.sampled_from(QUESTIONS)
_answers = st.sampled_from(_ANSWERS)
_references = st.sampled_from(_REFERENCES)
_seconds = st.one_of(st.none(), st.integers(0, 600))
_paying = {
    "student": _number,
    "amount": st.integers(0, 9900),
    "currency": st.sampled_from(("usd", "USD", "eur")),
    "is_paid": st.booleans(),
    "names_creator": st.booleans(),
    "names_student": st.booleans(),
}
_scores = st.one_of(st.none(), st.integers(0, 100))
_statuses = st.sampled_from(("in-progress", "submitted", "reviewed", "passed"))
_memberships = st.sampled_from(("active", "expired", "cancelled", "trialing"))
_plans = st.sampled_from(("basic", "pro", "enterprise"))
_asked = st.sampled_from(_ASKED)
_wordings = st.one_of(_asked, _text)
_roles = st.sampled_from(("user", "assistant", "assistant"))


def _happenings(run: st.SearchStrategy[int], when: st.SearchStrategy[When]) -> st.SearchStrategy[Event]:
    """One event."""
    at = {"run": run, "when": when}
    one, few, many = st.just(1), st.integers(2, 4), st.sampled_from((5, 10, 12))
    return st.one_of(
        st.builds(doings.Watch, **at, **_watching, students=one, videos=one),
        st.builds(doings.Watch, **at, **_watching, students=one, videos=one),
        st.builds(doings.Watch, **at, **_watching, students=one, videos=many),
        st.builds(doings.Watch, **at, **_watching, students=many, videos=one),
        st.builds(doings.Watch, **at, **_watching, students=few, videos=few),
        st.builds(doings.Touch, **at, progress=_number),
        st.builds(doings.Say, **at, student=_number, conversation=st.integers(0, 1), role=st.just("user"), text=_wordings, feedback=st.none()),
        st.builds(doings.Say, **at, student=_number, conversation=st.integers(0, 1), role=_roles, text=_asked, feedback=_feedback, references=_references),
        st.builds(doings.Rate, **at, message=_number, feedback=_feedback),
        st.builds(doings.Attempt, **at, student=_number, quiz=_number, score=st.integers(0, 100), is_passed=st.booleans(), answers=_answers, seconds=_seconds),
        st.builds(doings.Attempt, **at, student=_number, quiz=_number, score=st.just(10), is_passed=st.just(False), times=st.just(2)),
        st.builds(doings.Regrade, **at, attempt=_number, score=st.integers(0, 100), is_passed=st.booleans()),
        st.builds(doings.Pay, **at, **_paying),
        st.builds(earnings.Earn, **at, student=_number, amount=st.integers(-50, 200)),
        st.builds(earnings.Unlock, **at, student=_number, achievement=st.integers(0, 2)),
        st.builds(doings.Submit, **at, student=_number, project=_number, status=_statuses, handed_in=_maybe_when, score=_scores),
        st.builds(doings.ChangeSubmission, **at, submission=_number, status=_statuses, score=_scores, handed_in=_maybe_when),
        st.builds(events.Join, **at, count=st.sampled_from((1, 1, 3)), name=_maybe_text, email=_maybe_text, seen=_maybe_when),
        st.builds(events.ChangeStudent, **at, student=_number, name=_maybe_text, points=st.integers(0, 1000), status=_memberships, seen=_maybe_when),
        st.builds(events.AddVideos, **at, **_video_facts, count=st.sampled_from((1, 1, 2))),
        st.builds(events.ChangeVideo, **at, **_video_facts, video=_number),
        st.builds(events.AddCourse, **at, is_active=st.booleans()),
        st.builds(events.SwitchCourse, **at, course=_number, is_active=st.booleans(), title=_text),
        st.builds(doings.Retitle, **at, conversation=_number, title=_text),
        st.builds(events.AddTasks, **at, quizzes=st.integers(0, 2), projects=st.integers(0, 2), questions=_questions),
        st.builds(events.ChangeQuiz, **at, quiz=_number, title=_text, difficulty=_maybe_text, questions=_questions),
        st.builds(events.SetPreferences, **at, stored=_preferences),
        st.builds(events.SetPreferences, **at, stored=_preferences),
        st.builds(removals.Remove, **at, table=st.sampled_from(_REMOVED), number=_number, cascades=st.sampled_from((True, True, True, False))),
        st.builds(removals.Remove, **at, table=st.just("students"), number=_number),
        st.builds(removals.Return, **at),
        st.builds(events.ChangePlan, **at, name=_text, plan=_plans, expires=_maybe_when),
    )  # fmt: skip


@st.composite
def platforms(draw: st.DrawFn) -> list[Event]:
    """The events of one platform, in the order in which they reach the source."""
    founded = draw(st.sampled_from((0, 0, 0, 0, 0, 1, 4)))
    at = {"run": st.just(founded), "when": _long_ago if founded == 0 else _recent}
    since = st.just(When(days=200)) if founded == 0 else _recent
    first: list[Event] = [
        draw(st.builds(events.Found, run=st.just(founded), when=since, name=_text, plan=_plans)),
        *draw(st.lists(st.builds(events.SetPreferences, **at, stored=_preferences), max_size=1)),
        *draw(st.lists(st.builds(events.AddCourse, **at, is_active=st.booleans()), max_size=2)),
        *draw(st.lists(st.builds(events.AddVideos, **at, **_video_facts, count=st.sampled_from((1, 2, 5, 11))), max_size=3)),
        *draw(st.lists(st.builds(events.AddTasks, **at, quizzes=st.integers(1, 2), projects=st.integers(1, 2), questions=_questions), max_size=1)),
        *draw(st.lists(st.builds(events.Join, **at, count=st.sampled_from((1, 2, 3, 12)), name=_maybe_text, email=_maybe_text, seen=_maybe_when), max_size=3)),
    ]  # fmt: skip
    history = draw(st.lists(_happenings(st.just(founded), _long_ago if founded == 0 else _recent), min_size=5, max_size=25))
    later = draw(st.lists(_happenings(st.integers(founded + 1, 9), _when), min_size=10, max_size=40))
    leaving = st.builds(removals.Remove, run=st.integers(founded + 1, 9), when=_when, table=st.just("creators"), number=st.just(0))
    # Few: a night that would lose a fifth of a table's rows stops, and rightly.
    leaves = [draw(leaving)] if draw(st.integers(0, 7)) == 0 else []
    return first + history + sorted([*later, *leaves], key=lambda event: event.run)


def draw_platform(number: int) -> list[Event]:
    """The generated platform of that number: the same one each time."""
    found: list[list[Event]] = []

    # The first example is the smallest there is, and examples after the second vary the one before: so each platform comes from a seed of its own.
    @seed(number)
    @settings(max_examples=2, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(platforms())
    def take(platform: list[Event]) -> None:
        found.append(platform)

    # hypothesis likes to draw constants that it finds in loaded modules of the project: what is drawn would depend on which tests ran before.
    with patch.object(providers, "_get_local_constants", providers.Constants):
        providers.CONSTANTS_CACHE.cache.clear()
        take()
        providers.CONSTANTS_CACHE.cache.clear()
    return found[-1]
