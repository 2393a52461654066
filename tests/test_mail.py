"""How a mail reads: one golden text, strangers' words escaped, nothing loaded, no empty promises."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports.mail import Letter, News, Week, render_mail, week_of

GOLDEN = Path(__file__).parent / "golden" / "mail" / "weekly.txt"
LETTER = Letter(
    company="Acme <script>alert(1)</script> & Söhne",
    timezone="Asia/Kolkata",
    edition_on=date(2026, 11, 23),
    is_weekly=True,
    as_of=datetime(2026, 11, 23, 1, tzinfo=UTC),
    news=News(slipped_count=3, failed_attempt_count=4, failing_student_count=1, completion_count=1),
    slipping_count=14,
    weeks=(Week(84, 2, 61, 90_000), Week(70, 2, 70, None)),
    link="https://s3.example/reports/x.html?X-Amz-Date=1&X-Amz-Signature=2",
    link_ends_at=datetime(2026, 11, 30, 1, 40, tzinfo=UTC),
    dashboard_url="https://app.example/reports?tab=1&x=2",
)


def test_the_text_reads_as_it_should() -> None:
    mail = render_mail(LETTER)
    assert f"{mail.subject}\n\n{mail.text}" == GOLDEN.read_text(encoding="utf-8")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action", "background"}]


def test_the_html_loads_nothing_and_links_where_it_says() -> None:
    reader = _Reader()
    reader.feed(render_mail(LETTER).html)
    assert set(reader.addresses) == {LETTER.link, LETTER.dashboard_url}
    assert not {"script", "img", "link", "iframe", "form"} & set(reader.tags)
    assert "url(" not in render_mail(LETTER).html
    assert len(render_mail(LETTER).html) < 20_000


def test_a_subject_is_one_line_that_says_the_news() -> None:
    letter = replace(LETTER, is_weekly=False, company="Acme\r\nBcc: all@example.com \u202e")
    assert render_mail(letter).subject == "Acme Bcc: all@example.com: 3 students became at risk"
    assert render_mail(replace(letter, news=News())).subject == "Acme Bcc: all@example.com: your report, Monday 23 November"
    assert render_mail(replace(letter, news=News(), date_format="DD/MM/YYYY")).subject.endswith(": your report, Monday 23/11/2026")
    assert render_mail(replace(letter, company="")).subject.startswith("your courses: ")


def test_only_what_happened_is_told() -> None:
    assert News(slipped_count=0, failed_attempt_count=0, completion_count=None).is_empty
    text = render_mail(replace(LETTER, news=News(slipped_count=1, completion_count=0))).text
    assert "- 1 student became at risk\n" in text
    assert len(re.findall(r"^- ", text, re.MULTILINE)) == 1
    assert "Since your last mail" not in render_mail(replace(LETTER, news=News())).text


@pytest.mark.parametrize(("day_count", "title"), [(None, "Since your last mail"), (1, "In the last day"), (7, "In the last 7 days")])
def test_what_has_no_mail_before_it_is_not_told_since_one(day_count: int | None, title: str) -> None:
    mail = render_mail(replace(LETTER, news=News(slipped_count=1, day_count=day_count)))
    assert f"\n{title}:\n- 1 student" in mail.text
    assert f">{title}</p>" in mail.html


def test_a_daily_mail_has_the_numbers_of_its_report() -> None:
    text = render_mail(replace(LETTER, is_weekly=False)).text
    assert (
        "\nStudents slipping away now: 14\nLearners a day: 12 (up 2 from 10 in the 7 days before)\nNew students in 7 days: 2 (the same as before)\n"
        in text
    )
    assert "\nVideos completed in 7 days: 61 (down 9 from 70 in the 7 days before)\nWatch time in 7 days: 25 h\n" in text


@pytest.mark.parametrize(
    ("is_weekly", "timezone", "first"),
    [
        (True, "Asia/Kolkata", date(2026, 11, 16)),
        (False, "Asia/Kolkata", date(2026, 11, 16)),
        (False, "America/New_York", date(2026, 11, 15)),  # 20:00 of the Sunday there, on which the report was made
    ],
)
def test_a_mail_is_about_the_days_of_its_report(is_weekly: bool, timezone: str, first: date) -> None:
    assert week_of(LETTER.edition_on, LETTER.as_of, timezone, is_weekly=is_weekly) == first


def test_a_week_of_which_nothing_is_known_shows_no_zeros() -> None:
    nothing = Week(None, None, None, None)
    assert (
        "\nLearners a day: –\nNew students: –\nVideos completed: –\nWatch time: –\n"
        in render_mail(replace(LETTER, weeks=(nothing, nothing))).text
    )
