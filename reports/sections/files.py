"""Where the raw files are: what is delivered beside the page, and what can be asked for."""

from dataclasses import dataclass

from reports.reading import Reading
from reports.wording import say_count


@dataclass(frozen=True)
class File:
    """A file that is made with each daily edition."""

    name: str
    about: str


def build(reading: Reading) -> list[File]:
    """The files of the daily pack; row counts where the page knows them: the files beside a weekly one are of the morning, it is newer."""
    return [
        File("students.csv", f"every student with tier, reason and activity{_rows(reading, 'student_engagement_tiers')}"),
        File("videos.csv", f"every video with viewers, completion and where people leave{_rows(reading, 'video_analytics')}"),
        File("questions.csv", f"what students ask, how often and about which video{_rows(reading, 'top_questions')}"),
        File("analytics.json", "the key figures of this page and more, for programs"),
    ]


def _rows(reading: Reading, name: str) -> str:
    frame = None if reading.document.is_weekly else reading.frames.get(name)
    return f": {say_count(frame.table.num_rows)} {'row' if frame.table.num_rows == 1 else 'rows'}" if frame else ""
