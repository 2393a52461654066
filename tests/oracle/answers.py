"""The oracle: takes the snapshots that the runs saw, one after the other, and gives every table after each.

Belongs here: the order of a run's steps, what is kept between runs. Does not: any definition.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.oracle.cohorts import cohort_retention
from tests.oracle.courses import course_progress
from tests.oracle.days import Day, StudentDay, daily_activity, keep_days
from tests.oracle.hours import hourly_activity
from tests.oracle.ledger import Ledger
from tests.oracle.listings import chat_transcript, progress, quiz_results
from tests.oracle.mirror import Mirror, Snapshot
from tests.oracle.moment import Moment
from tests.oracle.overview import creator_overview
from tests.oracle.payments import revenue_monthly, revenue_overview
from tests.oracle.questions import asked_and_answered, top_questions
from tests.oracle.quizzes import quiz_analytics, quiz_question_analytics
from tests.oracle.recommendations import recommendations
from tests.oracle.students import note_transitions, student_engagement_tiers, students_at
from tests.oracle.topics import content_topics
from tests.oracle.videos import video_analytics, video_viewer_tiers
from tests.oracle.zones import Zones, creators_with_wishes

Table = dict[tuple, dict[str, Any]]

KEYS = {
    "chat_transcript": ("message_id",),
    "cohort_retention": ("creator_id", "cohort_on", "month_on"),
    "content_topics": ("creator_id", "topic_kind", "topic"),
    "course_progress": ("course_id",),
    "creator_overview": ("creator_id",),
    "daily_activity": ("creator_id", "activity_on"),
    "hourly_activity": ("creator_id", "weekday_no", "hour_no"),
    "progress": ("student_id", "video_id"),
    "quiz_analytics": ("quiz_id",),
    "quiz_question_analytics": ("quiz_id", "question_id"),
    "quiz_results": ("attempt_id",),
    "recommendations": ("creator_id", "recommendation", "about_key"),
    "revenue_monthly": ("creator_id", "month_on", "currency"),
    "revenue_overview": ("creator_id", "currency"),
    "student_engagement_tiers": ("student_id",),
    "tier_transitions": ("student_id", "changed_at"),
    "top_questions": ("creator_id", "question_id"),
    "video_analytics": ("video_id",),
    "video_viewer_tiers": ("video_id", "tier"),
    "watch_gains": ("student_id", "video_id", "booked_no"),
}
"""The tables of an answer and the columns of their keys."""


@dataclass
class Oracle:
    """What the pipeline has kept after the snapshots seen so far."""

    mirror: Mirror = field(default_factory=Mirror)
    ledger: Ledger = field(default_factory=Ledger)
    zones: Zones = field(default_factory=Zones)
    days: dict[StudentDay, Day] = field(default_factory=dict)
    transitions: Table = field(default_factory=dict)
    listings: dict[str, Table] = field(default_factory=dict)
    opened_as_of: datetime | None = None

    def see(self, snapshot: Snapshot) -> dict[str, Table]:
        """Every table as of `snapshot`: rows by key, without the key's columns."""
        self._book(snapshot)
        assert self.opened_as_of is not None
        moment = Moment(self.mirror, self.ledger, self.zones, snapshot.as_of)
        keep_days(self.days, moment)
        students = students_at(moment, self.days)
        questions, answers = asked_and_answered(moment)
        note_transitions(self.transitions, moment, students)
        if snapshot.is_nightly or not self.listings:
            self.listings = {
                "chat_transcript": chat_transcript(moment),
                "progress": progress(moment),
                "quiz_results": quiz_results(moment),
                "video_viewer_tiers": video_viewer_tiers(moment, students),
            }
        daily = daily_activity(moment, self.days, self.opened_as_of)
        tables = {
            **self.listings,
            "cohort_retention": cohort_retention(moment, self.days, self.opened_as_of),
            "content_topics": content_topics(moment),
            "course_progress": course_progress(moment),
            "creator_overview": creator_overview(moment, students, questions, answers, daily, self.opened_as_of),
            "daily_activity": daily,
            "hourly_activity": hourly_activity(moment),
            "quiz_analytics": quiz_analytics(moment),
            "quiz_question_analytics": quiz_question_analytics(moment),
            "revenue_monthly": revenue_monthly(moment),
            "revenue_overview": revenue_overview(moment),
            "student_engagement_tiers": student_engagement_tiers(moment, students, self.transitions),
            "tier_transitions": dict(self.transitions),
            "top_questions": top_questions(moment, questions),
            "video_analytics": video_analytics(moment, questions),
            "watch_gains": self._ledger_rows(),
        }
        return {**tables, "recommendations": recommendations(moment, students, tables)}

    def students_ever(self) -> set[UUID]:
        """Everybody who ever stood in a table."""
        return {student_id for student_id, _ in self.days} | {student_id for student_id, _ in self.ledger.gains}

    def _book(self, snapshot: Snapshot) -> None:
        read = self.mirror.read(snapshot)
        for table, rows in read.items():
            if table != "video_progress":
                self.mirror.book(table, rows)
        wishes = creators_with_wishes(self.mirror.all("creators"), self.mirror.all("creator_preferences"))
        for creator_id, wish in wishes:
            self.zones.follow(creator_id, wish, snapshot.as_of)
        for pair in self.ledger.booked.keys() - self.mirror.rows["video_progress"].keys():
            self.ledger.forget(pair)
        for row in read["video_progress"]:
            video = self.mirror.rows["videos"].get((row["video_id"],))
            if video:
                self.ledger.book(row, video["creator_id"], snapshot.as_of, is_opening=self.opened_as_of is None)
                self.mirror.book("video_progress", [row])
        self.opened_as_of = self.opened_as_of or snapshot.as_of

    def _ledger_rows(self) -> Table:
        rows = {}
        for gain in self.ledger.all():
            values = asdict(gain)
            rows[tuple(values.pop(name) for name in KEYS["watch_gains"])] = values
        return rows
