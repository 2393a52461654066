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
    say_count,
    say_duration,
    say_growth,
    say_instant,
    say_many,
    say_short_day,
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
class Figures:
    """The five numbers of a daily mail: counts, seconds, and changes (0.5 is half as much again) where they are known."""

    active_7d_count: int
    at_risk_count: int
    new_30d_count: int
    new_30d_change: float | None
    completion_30d_count: int
    completion_30d_change: float | None
    watch_30d_seconds: int
    watch_30d_change: float | None


@dataclass(frozen=True)
class Week:
    """Sums over seven days as the weekly report has them; None where they are not known. `active_student_count` counts a student once a day."""

    active_student_count: int | None
    new_student_count: int | None
    completion_count: int | None
    watch_seconds: int | None


@dataclass(frozen=True)
class Letter:
    """All that a mail is made from. `link` is a bearer secret; instants have a time zone, `timezone` is the creator's IANA zone,
    `date_format` the one that the creator asked for, None for our own.

    `weeks` are the week of a weekly mail and the one before; a daily one has none.
    """

    company: str
    timezone: str
    edition_on: date
    weeks: tuple[Week, Week] | None
    as_of: datetime
    news: News
    figures: Figures
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
        "title": f"Your {'week' if letter.weeks else 'report'}, {_days(letter)}",
        "news": news,
        "news_title": _span(letter.news),
        "figures": _week_figures(letter.weeks, letter.figures) if letter.weeks else _figures(letter.figures),
        "link": letter.link,
        "ends": f"{say_instant(letter.link_ends_at, zone, letter.date_format)}, {say_zone(letter.link_ends_at, zone)}",
        "as_of": say_instant(letter.as_of, zone, letter.date_format),
        "dashboard_url": letter.dashboard_url,
    }
    subject = f"{company}: {news[0] if news and not letter.weeks else view['title'][0].lower() + view['title'][1:]}"
    return Mail(subject, _template("mail.txt.j2").render(view), _template("mail.html.j2").render(view))


def week_of(edition_on: date) -> date:
    """The Monday of the week that a weekly mail is about: the last whole one."""
    return edition_on - timedelta(days=edition_on.weekday() + 7)


def _days(letter: Letter) -> str:
    if letter.weeks is None:
        return say_weekday(letter.edition_on)
    monday = week_of(letter.edition_on)
    return f"{say_short_day(monday)} to {say_short_day(monday + timedelta(days=6))}"


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


def _figures(figures: Figures) -> Sequence[tuple[str, str, str]]:
    """Label, number and trend of a daily mail, in the order of reading."""
    return (
        ("Students seen in the last 7 days", say_count(figures.active_7d_count), ""),
        ("Students at risk now", say_count(figures.at_risk_count), ""),
        ("New students in 30 days", say_count(figures.new_30d_count), _trend(figures.new_30d_change)),
        ("Videos completed in 30 days", say_count(figures.completion_30d_count), _trend(figures.completion_30d_change)),
        ("Watch time in 30 days", say_duration(figures.watch_30d_seconds), _trend(figures.watch_30d_change)),
    )


def _week_figures(weeks: tuple[Week, Week], figures: Figures) -> Sequence[tuple[str, str, str]]:
    """The same of a weekly mail: those that lead the weekly report, in its words, and who is at risk now."""
    week, before = weeks
    return (
        _moved("Learners a day", _per_day(week.active_student_count), _per_day(before.active_student_count), say_count),
        _moved("New students", week.new_student_count, before.new_student_count, say_count),
        _moved("Videos completed", week.completion_count, before.completion_count, say_count),
        _moved("Watch time", week.watch_seconds, before.watch_seconds, say_duration),
        ("Students at risk now", say_count(figures.at_risk_count), ""),
    )


def _per_day(total: int | None) -> float | None:
    return None if total is None else total / 7


def _moved(label: str, now: float | None, before: float | None, say: Callable[[float], str]) -> tuple[str, str, str]:
    trend = say_trend(now, before, say) or ""
    return label, DASH if now is None else say(now), f"{trend} the week before" if trend.startswith(("up ", "down ")) else trend


def _trend(change: float | None) -> str:
    return "" if change is None else say_growth(change, "the 30 days before")


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
