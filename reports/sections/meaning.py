"""What the numbers mean, in the words and units of the page.

The descriptions of the contract are written for those who query the tables; a creator reads other words here. So that the two cannot part
unseen, each word names its column: tests/golden/report/meaning.txt holds both sentences side by side, and changes with either.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from reports.reading import Reading
from reports.wording import DASH, say_zone

GROUPS: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "Who slipped": {
        "At risk, inactive and the other tiers": (
            "student_engagement_tiers", "tier",
            "Each student stands in one tier, by how long ago the app last saw them and by what they watched. The rule is under each name.",
        ),
        "Slipped": ("student_engagement_tiers", "has_slipped", "The student stands in a lower tier than a week ago."),
        "Failed a quiz twice": (
            "student_engagement_tiers", "has_failed_twice", "The student failed the same quiz twice or more within 14 days, and has never passed it.",
        ),
        "Last payment failed": (
            "student_engagement_tiers", "has_payment_failed", "A payment failed within 30 days, and none has succeeded since.",
        ),
    },
    "What happened": {
        "Seen in 7 days": (
            "creator_overview", "active_7d_count",
            "Students who were in the app within 7 days, whether or not they learned something there. Today is one of the days.",
        ),
        "Learners a day": (
            "daily_activity", "active_student_count",
            "Students who watched, took a quiz, wrote to the assistant or handed in a project on a day. Those who only looked in are not among them.",
        ),
        "New students": ("daily_activity", "new_student_count", "Students who joined in that time."),
        "Videos completed": (
            "daily_activity", "completion_count", "Each time that a student finished a video. Two students who finish the same one count twice.",
        ),
        "Watch time": ("daily_activity", "watch_seconds", "How long students watched, all added up. What is watched again counts again."),
        "Students seen": (
            "creator_overview", "active_30d_count",
            "Students who were in the app within 30 days, whether or not they learned something there.",
        ),
        "Churn": (
            "creator_overview", "churn_30d_rate",
            "Of the students seen in the 30 days before, the share who were not seen in the last 30.",
        ),
        "Minutes watched": (
            "creator_overview", "avg_active_minutes_30d",
            "How long a learner watches on a day, on average over 30 days.",
        ),
        "Days with learners": (
            "creator_overview", "active_day_30d_count",
            "Of the last 30 days, those with at least one learner.",
        ),
        "Busiest hour": (
            "creator_overview", "peak_hour_no",
            "The hour of the day, by your clock, in which most students learn, over the last 30 days.",
        ),
        "When students learn": (
            "hourly_activity", "student_hour_count",
            "A student who watches, takes a quiz, writes or hands something in within an hour counts once for that hour, on each day again.",
        ),
        "Mean completion": (
            "creator_overview", "avg_completion_rate",
            "How much of a video a student has seen, on average over all students and the videos that they started.",
        ),
        "Videos watched": ("creator_overview", "watched_video_count", "Your videos that at least one student has started."),
    },
    "Videos": {
        "Viewers": ("video_analytics", "viewer_count", "Students who started the video."),
        "Completed, of a video": ("video_analytics", "completion_rate", "Of its viewers, the share who finished it."),
        "Where viewers leave": (
            "video_analytics", "drop_off_second", "Of the viewers who have not finished the video, half stopped before that point and half after it.",
        ),
        "Got to the middle": ("video_analytics", "retention_rates", "The share of viewers who ever came that far. The line shows it for the whole video."),
        "Needs attention": (
            "video_analytics", "needs_attention",
            "Under 30% of at least 10 viewers finished the video, or at least 5 questions in 90 days are about it.",
        ),
    },
    "Quizzes": {
        "A quiz that is too hard": ("quiz_analytics", "is_struggling", "It was tried at least 5 times, and more than half of the attempts failed."),
        "A question most get wrong": (
            "quiz_question_analytics", "wrong_rate", "At least 5 answers were given, and more than half of them are wrong.",
        ),
    },
    "What students ask": {
        "Asked": (
            "top_questions", "ask_count", "How often students asked it within 90 days. Different wordings of the same question are counted together.",
        ),
        "Asked more, or less, lately": (
            "top_questions", "trend",
            "More: at least 3 times in 7 days, and twice as often as in the three weeks before. Less: half as often, or under that.",
        ),
        "Rated answers that helped": (
            "top_questions", "satisfaction_rate", "Of the assistant's answers that a student rated, the share that was rated good.",
        ),
    },
    "Revenue": {
        "This month so far": (
            "revenue_overview", "this_month_cents", "Payments that succeeded since the first of the month, by your calendar, in the currency that is named.",
        ),
        "Failed this month": ("revenue_overview", "this_month_failed_count", "Each payment that failed counts, also where a later one succeeded."),
    },
}  # fmt: skip
"""By section of the page its words; the mart and the column that they stand for; what they mean."""
_MARTS = sorted({mart for words in GROUPS.values() for mart, _, _ in words.values()})


@dataclass(frozen=True)
class Term:
    """A word of the page and what it means."""

    word: str
    meaning: str


@dataclass(frozen=True)
class Group:
    """The words of one section of the page."""

    title: str
    terms: list[Term]


def build(reading: Reading) -> list[Group]:
    """The terms of the frames that are here, by section, after those that hold for every number."""
    groups = [Group("All numbers", _general(reading))]
    here = {mart: _columns(reading, mart) for mart in _MARTS}
    for title, words in GROUPS.items():
        terms = [Term(word, meaning) for word, (mart, column, meaning) in words.items() if column in here[mart]]
        groups += [Group(title, terms)] if terms else []
    return groups


def _general(reading: Reading) -> list[Term]:
    zone = say_zone(reading.document.as_of, reading.zone)
    return [
        Term("As of", "The instant that everything is computed for. What happened later is in the next report."),
        Term("Complete through", "Everything that happened until then is counted; something later may still be on its way."),
        Term(
            "Day",
            f"From midnight to midnight in {zone}. What is said “in 30 days” includes the day of the report; the seven days at the top are over.",
        ),
        Term(f"A dash ({DASH})", "There is nothing to measure yet. It is not zero."),
    ]


def _columns(reading: Reading, mart: str) -> frozenset[str]:
    table = reading.table(mart)
    return frozenset() if table is None else frozenset(table.column_names)
