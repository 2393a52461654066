"""One platform for each `touched_by` edge: events that only this edge carries on, and the same edge dropped for one creator.

Belongs here: what makes an edge needed, and how it is taken away. Does not: what the tables should hold (the oracle).

An edge is dropped for the keys of one creator only: so all edges are tried side by side, on one database and in four runs.
"""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from pipelines.catalog import Catalog
from tests.oracle.doings import MOVES, STANDS, Attempt, Pay, Rate, Reanswer, Regrade, Retitle, Say, Submit, Watch
from tests.oracle.earnings import Earn, Unlock
from tests.oracle.events import (
    AddCourse,
    AddTasks,
    AddVideos,
    ChangePlan,
    ChangeQuiz,
    ChangeStudent,
    ChangeVideo,
    Event,
    Found,
    Join,
    SetPreferences,
    SwitchCourse,
)
from tests.oracle.removals import Remove
from tests.oracle.schedules import Schedule, When, make_schedule

Edge = tuple[str, str]
"""Model and cause."""

SCHEDULE: Schedule = make_schedule("edges", "2025-06-30T11:00", (1, 24, 1), (2, 3))
"""The first run builds whole, the second by what changed within an hour, the third, a nightly one, after a midnight that ends a month and a day of silence; the
last one is nightly again, an hour later."""

_NOW = When(minutes=10)
_QUESTION = "How do I install it on my machine?"


def _ago(days: int) -> When:
    return When(days=days)


def _watch(run: int, when: When, *, student: int = 0, video: int = 0, seconds: int = 60, completion: int = 50) -> Watch:
    return Watch(run, when, student, 1, video, 1, seconds, completion, completion == 100, seconds, MOVES)


def _seen(run: int, when: When, student: int, name: str = "Ada") -> ChangeStudent:
    return ChangeStudent(run, _NOW, student, name, 0, "active", when)


BEFORE: tuple[Event, ...] = (
    Found(0, _ago(200), "Company", "pro"),
    AddCourse(0, _ago(150), True),
    AddVideos(0, _ago(150), 2, 0, "Video", None, 100, True),
    AddTasks(0, _ago(150), 1, 1),
    Join(0, _ago(100), 2, "Ada", "ada@example.com", None),
    _watch(0, _ago(2), video=0, completion=100),
    _watch(0, _ago(2), video=1, completion=100),
    Say(0, _ago(2), 0, 0, "user", _QUESTION, None),
    Say(0, When(days=2, minutes=-1), 0, 0, "assistant", "With make install.", None),
    Attempt(0, _ago(2), 0, 0, 50, False),
    Submit(0, _ago(2), 0, 0, "submitted", _ago(2)),
    _seen(0, _ago(2), 1),
)
"""What each platform is at the first run: two students, the first has finished the course, the second was only seen."""

_WATCH = (_watch(1, _NOW, student=1),)
_RESET = (Watch(1, _NOW, 0, 1, 0, 1, -600, 0, False, 0, MOVES),)
"""No plain step, whose sums could be added without the edge."""
_ASK = (Say(1, _NOW, 0, 0, "user", "Where is the second part of it?", None),)
_POINTS = ({"video": 0, "timestamp": 5, "relevance_score": 1},)


def _point(run: int, when: When, places: tuple[dict[str, object], ...] = _POINTS) -> tuple[Event, ...]:
    """A question in a conversation of its own, and an answer that points at places in videos."""
    return (
        Say(run, when, 1, 1, "user", "Which video is it in?", None),
        Say(run, replace(when, minutes=when.minutes - 1), 1, 1, "assistant", "In this one.", None, places),
    )


_TRY = (Attempt(1, _NOW, 1, 0, 70, True),)
_JOIN = (Join(1, _NOW, 1, "Eve", "eve@example.com", None),)
_RENAME = (_seen(1, _ago(2), 0, "Grace"),)
_ASKING = ({"id": "q1", "question": "Which?", "correct_answer": "a"},)
_SET = ChangeQuiz(0, _ago(140), 0, "Task", None, _ASKING)
_RIGHT = {"q1": "a"}
_PAY = (Pay(1, _NOW, 0, 1900, "usd", True, True, True),)
_UNPAID = (Pay(1, _NOW, 0, 1900, "usd", False, True, True),)
_LATER_COURSE = (
    AddCourse(0, When(minutes=-30), True),
    AddVideos(0, _ago(150), 1, 1, "Third", None, 100, True),
    _watch(0, _ago(2), video=2, completion=100),
)
_GROWING_COURSE = (
    SwitchCourse(0, _ago(140), 0, False),
    AddVideos(0, _ago(150), 1, None, "Third", None, 100, True),
    ChangeVideo(1, _NOW, 2, 0, "Third", None, 100, True),
)
"""Not offered, so that nobody's stage depends on it."""
_LAST = _watch(0, _ago(1), seconds=0, completion=100)
_LEFT = _watch(0, _ago(8), video=1, seconds=0)
"""The second video is left alone for longer than a week, at half."""
_RESUMED = (_seen(0, _NOW, 0), _watch(0, _NOW, seconds=0, completion=100), _LEFT, replace(_LEFT, run=1, when=When(minutes=100)))
"""And gone on with, before what the student did last."""
_FAILED = tuple(Attempt(0, _ago(3), 0, 0, 10, False) for _ in range(3))
_FIVE = (Join(1, _NOW, 5, "Eve", None, None),)
_SWITCH = (SwitchCourse(1, _NOW, 0, False),)
_MOVE = (
    Watch(0, When(minutes=30), 1, 1, 0, 1, 60, 50, False, 60, MOVES),
    Watch(1, _NOW, 1, 1, 0, 1, 0, 50, False, 61, STANDS),
)
"""Only the position moves, within the same sixteenth of the video."""
_ENGAGED = (
    AddVideos(0, _ago(150), 5, None, "More", None, 100, True),
    *(_watch(0, _ago(2), student=1, video=video) for video in range(2, 7)),
    _seen(1, _NOW, 1, "Grace"),
)
_COURSE_DUE = (
    AddCourse(0, When("due", run=3, minutes=30), False),
    AddVideos(0, _ago(1), 1, 1, "Ahead", None, 100, True),
    _watch(1, _NOW, student=1, video=2, completion=100),
)
"""The course is there when its only video is finished already; it is not offered, so that no student changes by it."""
_STUDENT_ALONE = (Remove(3, _NOW, "students", 0, cascades=False),)
_PROGRESS_GONE = (Remove(3, _NOW, "video_progress", 0),)

NEEDS: Mapping[Edge, tuple[Event, ...]] = {
    ("int_chat_days", "int_messages_answered"): _ASK,
    ("int_chat_days", "int_chats"): _ASK,
    ("int_chats", "int_messages_answered"): _ASK,
    ("int_messages_answered", "chat_messages"): _ASK,
    ("int_active_before", "midnight"): (Submit(0, _ago(29), 1, 0, "submitted", _ago(29)),),
    ("int_active_before", "int_student_days"): (Submit(1, _NOW, 0, 0, "submitted", _ago(40)),),
    ("int_active_before", "int_students_tiered"): (_seen(0, _ago(40), 1), _seen(1, _NOW, 1)),
    ("int_messages_answered", "students"): _STUDENT_ALONE,
    ("int_video_progress", "students"): _STUDENT_ALONE,
    ("int_quiz_results", "students"): _STUDENT_ALONE,
    ("int_student_totals", "quizzes"): (Attempt(0, _ago(2), 0, 0, 80, True), Remove(3, _NOW, "quizzes", 0, cascades=False)),
    ("int_student_progress", "video_progress"): _PROGRESS_GONE,
    ("int_student_courses", "video_progress"): _PROGRESS_GONE,
    ("int_student_courses", "students"): _STUDENT_ALONE,
    ("progress", "video_progress"): _PROGRESS_GONE,
    ("int_video_progress", "video_progress"): _PROGRESS_GONE,
    ("int_quiz_results", "quizzes"): (AddTasks(1, _NOW, 1, 0),),
    ("int_quiz_results", "quiz_attempts"): _TRY,
    ("int_student_days", "quiz_attempts"): _TRY,
    ("int_student_days", "chat_messages"): _ASK,
    ("int_student_days", "project_submissions"): (Submit(1, _NOW, 1, 0, "submitted", _NOW),),
    ("int_student_days", "students"): _JOIN,
    ("int_student_totals", "int_student_days"): _ASK,
    ("int_student_totals", "quiz_attempts"): (Attempt(0, _ago(2), 1, 0, 80, True), Regrade(1, _NOW, 1, 80, False)),
    ("int_student_progress", "watch_gains"): _WATCH,
    ("int_student_progress", "videos"): (AddVideos(1, _NOW, 1, 0, "One more", None, 100, True),),
    ("int_student_progress", "courses"): _SWITCH,
    ("int_students_tiered", "students"): _RENAME,
    ("int_students_tiered", "int_student_progress"): _SWITCH,
    ("int_students_tiered", "int_student_totals"): _ASK,
    ("int_students_tiered", "int_watch_days"): (_watch(1, _NOW, student=1, seconds=0, completion=0),),
    ("int_students_tiered", "time"): (_seen(0, When(days=6, minutes=300), 1),),
    ("int_video_days", "watch_gains"): _WATCH,
    ("int_video_drop_off", "watch_gains"): _MOVE,
    ("int_watch_days", "watch_gains"): _WATCH,
    ("int_video_progress", "watch_gains"): _RESET,
    ("int_video_progress", "videos"): (ChangeVideo(1, _NOW, 0, 0, "Renamed", None, 100, True),),
    ("chat_transcript", "chat_messages"): _ASK,
    ("chat_transcript", "chat_sessions"): (Retitle(1, _NOW, 0, "Renamed"),),
    ("chat_transcript", "students"): _RENAME,
    ("int_payments", "analytics_events"): _PAY,
    ("int_revenue_months", "int_payments"): _PAY,
    ("revenue_monthly", "int_revenue_months"): _PAY,
    ("revenue_overview", "int_revenue_months"): _PAY,
    ("revenue_overview", "int_students_tiered"): (Pay(0, _NOW, 0, 1900, "usd", True, True, True), *_JOIN),
    ("revenue_overview", "midnight"): (Pay(0, _NOW, 0, 1900, "usd", True, True, True),),
    ("content_topics", "videos"): (ChangeVideo(1, _NOW, 0, 0, "Video", None, 100, True, ("light",)),),
    ("content_topics", "int_video_progress"): (ChangeVideo(0, _NOW, 0, 0, "Video", "Light", 100, True), _watch(1, _NOW, student=1)),
    ("int_student_months", "int_student_days"): _JOIN,
    ("int_student_months", "int_watch_days"): _WATCH,
    ("cohort_retention", "int_student_months"): _WATCH,
    ("cohort_retention", "creators"): (Remove(3, _NOW, "creators", 0),),
    ("cohort_retention", "midnight"): (),
    ("int_acting_hours", "quiz_attempts"): _TRY,
    ("int_acting_hours", "students"): (Attempt(0, _ago(5), 0, 0, 50, False), *_STUDENT_ALONE),
    ("int_acting_hours", "chat_sessions"): (Say(0, _ago(5), 0, 0, "user", _QUESTION, None), Remove(3, _NOW, "chat_sessions", 0)),
    ("int_acting_hours", "chat_messages"): _ASK,
    ("int_acting_hours", "quizzes"): (Attempt(0, _ago(5), 0, 0, 50, False), Remove(3, _NOW, "quizzes", 0, cascades=False)),
    ("int_acting_hours", "projects"): (Submit(0, _ago(5), 0, 0, "submitted", _ago(5)), Remove(3, _NOW, "projects", 0, cascades=False)),
    ("int_acting_hours", "project_submissions"): (Submit(1, _NOW, 1, 0, "submitted", _NOW),),
    ("int_hour_days", "int_acting_hours"): _TRY,
    ("int_hour_days", "int_watch_days"): (_watch(1, _NOW, student=1, seconds=0, completion=0),),
    ("hourly_activity", "int_hour_days"): _TRY,
    ("hourly_activity", "creators"): (Found(0, When(minutes=-30), "Company", "pro"),),
    ("hourly_activity", "midnight"): (Submit(0, _ago(29), 1, 0, "submitted", _ago(29)),),
    ("int_student_courses", "watch_gains"): (_watch(1, _NOW, completion=70),),
    ("int_student_courses", "videos"): (ChangeVideo(1, _NOW, 0, None, "Video", None, 100, True),),
    ("int_student_unfinished", "watch_gains"): _RESUMED,
    ("int_student_unfinished", "video_progress"): (_LEFT, Remove(3, _NOW, "video_progress", 1)),
    ("int_student_unfinished", "videos"): (_LEFT, Remove(3, _NOW, "videos", 1, cascades=False)),
    ("course_progress", "courses"): (SwitchCourse(1, _NOW, 0, True, "Renamed"),),
    ("int_course_totals", "int_course_videos"): (AddVideos(1, _NOW, 1, 0, "One more", None, 100, True),),
    ("int_course_totals", "int_student_courses"): (_watch(1, _NOW, completion=70),),
    ("course_progress", "int_course_totals"): (_watch(1, _NOW, completion=70),),
    ("course_progress", "int_students_tiered"): _JOIN,
    ("recommendations", "int_students_tiered"): (_seen(0, _ago(8), 1, "Idle"), _seen(1, _NOW, 1, "Back")),
    ("int_best_students", "int_students_tiered"): _ENGAGED,
    ("recommendations", "int_best_students"): _ENGAGED,
    ("recommendations", "int_video_progress"): (Join(0, _ago(30), 9, "Eve", None, None), Watch(1, _NOW, 0, 11, 0, 1, 60, 10, False, 60, MOVES)),
    ("recommendations", "quizzes"): (*_FAILED, Attempt(0, _ago(2), 0, 0, 10, False), ChangeQuiz(1, _NOW, 0, "Renamed", None, ())),
    ("recommendations", "int_quiz_results"): (*_FAILED, Attempt(1, _NOW, 0, 0, 10, False)),
    ("recommendations", "int_questions"): _FIVE + tuple(Say(1, _NOW, student, 0, "user", _QUESTION, None) for student in range(6)),
    ("creator_overview", "creators"): (ChangePlan(1, _NOW, "Renamed", "pro", None),),
    ("creator_overview", "creator_preferences"): (SetPreferences(1, _NOW, {"dateFormat": "DD.MM.YYYY"}),),
    ("creator_overview", "quizzes"): (AddTasks(0, When(minutes=-30), 1, 0),),
    ("creator_overview", "int_quiz_results"): (Regrade(1, _NOW, 0, 60, False),),
    ("creator_overview", "midnight"): (),
    ("creator_overview", "int_students_tiered"): (_seen(0, _ago(8), 1), _seen(1, _NOW, 1)),
    ("creator_overview", "int_video_progress"): (ChangeVideo(1, _NOW, 0, 0, "Video", None, 200, True),),
    ("creator_overview", "int_chat_days"): (Rate(1, _NOW, 1, "positive"),),
    ("creator_overview", "int_course_totals"): _COURSE_DUE,
    ("creator_overview", "int_student_work"): (Unlock(1, _NOW, 0, 0),),
    ("creator_overview", "int_creator_days"): (Submit(1, _NOW, 0, 0, "submitted", _ago(70)),),
    ("creator_overview", "int_hour_days"): (Submit(1, _NOW, 0, 0, "submitted", When(days=2, minutes=120)),),
    ("int_creator_days", "int_student_days"): _TRY,
    ("int_creator_days", "int_watch_days"): _WATCH,
    ("daily_activity", "int_creator_days"): _TRY,
    ("daily_activity", "creators"): (Found(0, When(minutes=-30), "Company", "pro"),),
    ("daily_activity", "midnight"): (),
    ("progress", "watch_gains"): _WATCH,
    ("progress", "students"): _RENAME,
    ("progress", "videos"): (ChangeVideo(1, _NOW, 0, 0, "Renamed", None, 100, True),),
    ("progress", "courses"): (SwitchCourse(1, _NOW, 0, True, "Renamed"),),
    ("quiz_results", "quiz_attempts"): _TRY,
    ("quiz_results", "quizzes"): (ChangeQuiz(1, _NOW, 0, "Renamed", None, ()),),
    ("quiz_results", "students"): _RENAME,
    ("quiz_analytics", "quizzes"): (ChangeQuiz(1, _NOW, 0, "Renamed", None, ()),),
    ("quiz_analytics", "int_quiz_results"): _TRY,
    ("quiz_question_analytics", "quizzes"): (ChangeQuiz(1, _NOW, 0, "Task", None, _ASKING),),
    ("quiz_question_analytics", "quiz_attempts"): (_SET, Attempt(0, _ago(2), 1, 0, 80, True, _RIGHT), Reanswer(1, _NOW, 1, {"q1": "b"})),
    ("quiz_question_analytics", "int_quiz_results"): (_SET, Join(1, When(minutes=-30), 1, "Eve", None, None), Attempt(1, _NOW, 2, 0, 80, True, _RIGHT)),
    ("int_student_work", "project_submissions"): (Submit(1, _NOW, 1, 0, "submitted", _NOW),),
    ("int_student_work", "projects"): (Remove(3, _NOW, "projects", 0, cascades=False),),
    ("int_student_work", "student_achievements"): (Unlock(1, _NOW, 0, 0),),
    ("int_student_work", "xp_transactions"): (Earn(1, _NOW, 0, 10),),
    ("int_student_work", "midnight"): (Earn(0, _ago(29), 0, 10),),
    ("int_student_risks", "quiz_attempts"): (Attempt(1, _NOW, 0, 0, 10, False),),
    ("int_student_risks", "quizzes"): (Attempt(0, _ago(2), 0, 0, 10, False), Remove(3, _NOW, "quizzes", 0, cascades=False)),
    ("int_student_risks", "int_payments"): _UNPAID,
    ("int_creator_videos", "videos"): (AddVideos(1, _NOW, 1, None, "One more", None, 100, True),),
    ("int_course_videos", "courses"): _LATER_COURSE,
    ("int_course_videos", "videos"): (AddVideos(1, _NOW, 1, 0, "One more", None, 100, True),),
    ("student_engagement_tiers", "int_students_tiered"): _RENAME,
    ("student_engagement_tiers", "int_student_courses"): (_seen(0, When(minutes=10), 0), _LAST, Watch(1, When(minutes=100), 0, 1, 1, 1, 0, 100, True, 60, MOVES)),
    ("student_engagement_tiers", "int_student_unfinished"): _RESUMED,
    ("student_engagement_tiers", "int_student_work"): (Unlock(1, _NOW, 0, 0),),
    ("student_engagement_tiers", "int_student_risks"): _UNPAID,
    ("student_engagement_tiers", "int_creator_videos"): (AddVideos(1, _NOW, 1, None, "One more", None, 100, True),),
    ("student_engagement_tiers", "int_course_videos"): _GROWING_COURSE,
    ("student_engagement_tiers", "videos"): (_LAST, ChangeVideo(1, _NOW, 0, 0, "Renamed", None, 100, True),),
    ("student_engagement_tiers", "midnight"): (Pay(0, _ago(29), 0, 1900, "usd", False, True, True),),
    ("student_engagement_tiers", "time"): (_watch(0, When(days=6, minutes=1430), student=1),),
    ("tier_transitions", "int_students_tiered"): (_seen(0, _ago(8), 1), _seen(1, _NOW, 1)),
    ("top_questions", "int_questions"): _ASK,
    ("int_questions", "int_messages_answered"): _ASK,
    ("int_questions", "videos"): (*_point(0, _ago(3)), ChangeVideo(1, _NOW, 0, 0, "Renamed", None, 100, True)),
    ("int_video_questions", "int_messages_answered"): _point(1, _NOW),
    ("int_video_questions", "videos"): (
        AddVideos(0, When(minutes=-30), 1, 0, "Later", None, 100, True),
        *_point(0, _ago(3), ({"video": 2, "timestamp": 5},)),
    ),
    ("int_video_questions", "midnight"): _point(0, _ago(89)),
    ("video_analytics", "int_video_questions"): _point(1, _NOW),
    ("video_viewer_tiers", "time"): (_watch(0, _ago(8), student=1), _seen(0, _ago(8), 1), _seen(1, _NOW, 1)),
    ("int_questions", "midnight"): (Say(0, _ago(6), 0, 0, "user", "An earlier question of another kind", None),),
    ("video_analytics", "int_video_progress"): (ChangeVideo(1, _NOW, 0, 0, "Renamed", None, 100, True),),
    ("video_analytics", "int_video_days"): (_watch(1, _NOW, student=1, seconds=0, completion=0),),
    ("video_analytics", "int_video_drop_off"): _MOVE,
    ("video_analytics", "midnight"): (_watch(0, _ago(6), student=1),),
}  # fmt: skip
"""Per edge what has to happen beside `BEFORE` for its model to be wrong without it. Nothing: the midnight before the third run is enough."""

UNREACHED: frozenset[Edge] = frozenset(
    {
        ("int_questions", "question_groups"),
        ("int_payments", "students"),
        ("revenue_overview", "creators"),
        ("int_student_work", "students"),
        ("int_student_risks", "students"),
        ("int_video_drop_off", "int_video_progress"),
        ("int_messages_answered", "chat_sessions"),
        ("int_student_days", "quizzes"),
        ("int_student_days", "chat_sessions"),
        ("int_student_days", "projects"),
        ("int_student_progress", "students"),
        ("int_student_unfinished", "students"),
        ("int_student_totals", "students"),
        ("int_active_before", "int_watch_days"),
        ("int_active_before", "creators"),
    }
)
"""Edges that only rows take whose owner changes, or which are so old that a night finds them (who waits for a row is booked with it); and those after which
the rows that are wrong show nowhere, since the student, conversation or creator whose rows they are is gone too: they keep steps equal to a full build.
Nothing groups questions on these platforms: what follows a changed group is dropped in test_question_groups."""

_OWNED = {
    "creator_id": "'{}'",
    "student_id": "select id from raw.students where creator_id = '{}'",
    "video_id": "select id from raw.videos where creator_id = '{}'",
    "quiz_id": "select id from raw.quizzes where creator_id = '{}'",
    "attempt_id": "select a.id from raw.quiz_attempts a join raw.quizzes q on q.id = a.quiz_id where q.creator_id = '{}'",
    "course_id": "select id from raw.courses where creator_id = '{}'",
    "event_id": "select id from raw.analytics_events where creator_id = '{}'",
    "session_id": "select id from raw.chat_sessions where creator_id = '{}'",
}


def all_edges(catalog: Catalog) -> list[Edge]:
    """Every edge of every model."""
    return [(model.name, cause) for model in catalog.models.values() for cause in model.touched_by]


def _without(sql: str, touch_key: tuple[str, ...], creator_id: UUID) -> str:
    columns = ", ".join(("id", "part")[: len(touch_key)])
    return f"select {columns} from ({sql}) as e ({columns}) where id not in ({_OWNED[touch_key[0]].format(creator_id)})"


def drop_edges(catalog: Catalog, dropped: Mapping[Edge, UUID]) -> Catalog:
    """The catalogue with each of these edges dropped for the keys of one creator."""
    models = dict(catalog.models)
    for (name, cause), creator_id in dropped.items():
        model = models[name]
        models[name] = replace(
            model, touched_by={**model.touched_by, cause: _without(model.touched_by[cause], model.touch_key, creator_id)}
        )
    return replace(catalog, models=models)
