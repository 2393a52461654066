"""What the numbers mean: the contract's own sentences for the columns on the page."""

from dataclasses import dataclass

from reports.reading import Reading
from reports.wording import DASH, say_zone, sentence

# the words of the page, with the column whose description says what they mean
_WORDS = {
    "At risk and the other tiers": ("student_engagement_tiers", "tier"),
    "Slipped": ("student_engagement_tiers", "has_slipped"),
    "Active in the last 7 days": ("creator_overview", "active_7d_count"),
    "Active each day": ("daily_activity", "active_student_count"),
    "Videos completed": ("daily_activity", "completion_count"),
    "Watch time": ("daily_activity", "watch_seconds"),
    "Active students in 30 days": ("creator_overview", "active_30d_count"),
    "New students in 30 days": ("creator_overview", "new_30d_count"),
    "Churn": ("creator_overview", "churn_30d_rate"),
    "When students are active": ("hourly_activity", "student_hour_count"),
    "Mean completion": ("creator_overview", "avg_completion_rate"),
    "A quiz that is too hard": ("quiz_analytics", "is_struggling"),
    "A question most get wrong": ("quiz_question_analytics", "wrong_rate"),
    "Rated answers that helped": ("top_questions", "satisfaction_rate"),
    "Completed, of a video": ("video_analytics", "completion_rate"),
    "Where viewers leave": ("video_analytics", "drop_off_second"),
    "Needs attention": ("video_analytics", "needs_attention"),
    "Asked": ("top_questions", "ask_count"),
    "This month so far": ("revenue_overview", "this_month_cents"),
}


@dataclass(frozen=True)
class Term:
    """A word of the page and what it means."""

    word: str
    meaning: str


def build(reading: Reading) -> list[Term]:
    """The terms of the frames that are here, after those that hold for every number."""
    zone = say_zone(reading.document.as_of, reading.zone)
    general = [
        Term("As of", "The instant that everything is computed for. What happened later is in the next report."),
        Term("Complete through", "Everything that happened until then is counted; something later may still be on its way."),
        Term("Day", f"From midnight to midnight in {zone}. The last 7 or 30 days include the day of the report."),
        Term(f"A dash ({DASH})", "There is nothing to measure yet. It is not zero."),
    ]
    return general + [term for word, place in _WORDS.items() for term in _terms(reading, word, *place)]


def _terms(reading: Reading, word: str, frame_name: str, column_name: str) -> list[Term]:
    frame = reading.frames.get(frame_name)
    found = [column.description for column in frame.columns if column.name == column_name] if frame else []
    return [Term(word, sentence(description.replace("`", ""))) for description in found if description]
