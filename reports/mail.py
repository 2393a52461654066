"""The mail that brings a report: subject, text and HTML from numbers and words, with the link to the page.

Belongs here: what a mail says. Does not: who gets one and when, headers, sending (pipelines/delivery.py, pipelines/mail_server.py).

A mail travels further than a report and cannot be called back, so it holds counts only: names of students stand in the report.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from reports.wording import (
    DASH,
    clean,
    per_day,
    say_count,
    say_day,
    say_duration,
    say_instant,
    say_many,
    say_trend,
    say_weekday,
    say_zone,
)

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class News:
    """What happened since the last mail; None where the creator does not want to hear of it. All are counts.

    `day_count`: how many days back it goes where that is not the last mail: there was none, or it is too long ago.
    """

    slipped_count: int | None = None
    failed_attempt_count: int | None = None
    failing_student_count: int | None = None
    completion_count: int | None = None
    day_count: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.slipped_count or self.failed_attempt_count or self.completion_count)


@dataclass(frozen=True)
class Week:
    """Sums over seven days as the report has them; None where they are not known. `active_student_count` counts a student once a day."""

    active_student_count: int | None
    new_student_count: int | None
    completion_count: int | None
    watch_seconds: int | None


@dataclass(frozen=True)
class Letter:
    """All that a mail is made from. `link` is a bearer secret; instants have a time zone, `timezone` is the creator's IANA zone,
    `date_format` the one that the creator asked for, None for our own.

    `slipping_count` and `weeks` are the five numbers that lead the report: who is slipping away, and its seven days beside the seven before.
    """

    company: str
    timezone: str
    edition_on: date
    is_weekly: bool
    as_of: datetime
    news: News
    slipping_count: int
    weeks: tuple[Week, Week]
    link: str
    link_ends_at: datetime
    dashboard_url: str | None
    date_format: str | None = None


@dataclass(frozen=True)
class Mail:
    """A rendered mail. `html` loads nothing; `text` says the same."""

    subject: str
    text: str
    html: str


def render_mail(letter: Letter) -> Mail:
    """The letter as subject, text and HTML. The same letter gives the same mail."""
    zone = ZoneInfo(letter.timezone)
    company = clean(letter.company, 60) or "your courses"
    news = _news(letter.news)
    view = {
        "company": company,
        "title": f"Your {'week' if letter.is_weekly else 'report'}, {_days(letter)}",
        "news": news,
        "news_title": _span(letter.news),
        "figures": _figures(letter),
        "link": letter.link,
        "ends": f"{say_instant(letter.link_ends_at, zone, letter.date_format)}, {say_zone(letter.link_ends_at, zone)}",
        "as_of": say_instant(letter.as_of, zone, letter.date_format),
        "dashboard_url": letter.dashboard_url,
    }
    subject = f"{company}: {news[0] if news and not letter.is_weekly else view['title'][0].lower() + view['title'][1:]}"
    return Mail(subject, _template("mail.txt.j2").render(view), _template("mail.html.j2").render(view))


def week_of(letter_on: date, as_of: datetime, timezone: str, *, is_weekly: bool) -> date:
    """The first of the seven days that a mail is about: of the last whole week, or of the days before the one on which its report was made."""
    if is_weekly:
        return letter_on - timedelta(days=letter_on.weekday() + 7)
    return as_of.astimezone(ZoneInfo(timezone)).date() - timedelta(days=7)


def _days(letter: Letter) -> str:
    if not letter.is_weekly:
        return say_weekday(letter.edition_on, letter.date_format)
    monday = week_of(letter.edition_on, letter.as_of, letter.timezone, is_weekly=True)
    return f"{say_day(monday, letter.date_format)} to {say_day(monday + timedelta(days=6), letter.date_format)}"


def _span(news: News) -> str:
    if news.day_count is None:
        return "Since your last mail"
    return "In the last day" if news.day_count == 1 else f"In the last {news.day_count} days"


def _news(news: News) -> list[str]:
    lines = []
    if news.slipped_count:
        lines.append(f"{say_many(news.slipped_count, 'student')} became at risk")
    if news.failed_attempt_count:
        who = f" by {say_many(news.failing_student_count, 'student')}" if news.failing_student_count else ""
        lines.append(f"{say_many(news.failed_attempt_count, 'failed quiz attempt')}{who}")
    if news.completion_count:
        lines.append(f"{say_many(news.completion_count, 'completed video')}")
    return lines


def _figures(letter: Letter) -> Sequence[tuple[str, str, str]]:
    """Label, number and trend of the five numbers, in the order and the words of the report."""
    week, before = letter.weeks
    days, than = ("", "the week before") if letter.is_weekly else (" in 7 days", "in the 7 days before")

    def moved(label: str, now: float | None, was: float | None, say: Callable[[float], str]) -> tuple[str, str, str]:
        trend = say_trend(now, was, say) or ""
        return label, DASH if now is None else say(now), f"{trend} {than}" if trend.startswith(("up ", "down ")) else trend

    return (
        ("Students slipping away now", say_count(letter.slipping_count), ""),
        moved("Learners a day", per_day(week.active_student_count), per_day(before.active_student_count), say_count),
        moved(f"New students{days}", week.new_student_count, before.new_student_count, say_count),
        moved(f"Videos completed{days}", week.completion_count, before.completion_count, say_count),
        moved(f"Watch time{days}", week.watch_seconds, before.watch_seconds, say_duration),
    )


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)
