"""How a mail reads: one golden text, strangers' words escaped, nothing loaded, no empty promises."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports.mail import Figures, Letter, News, Week, render_mail

GOLDEN = Path(__file__).parent / "golden" / "mail" / "weekly.txt"
LETTER = Letter(
    company="Acme <script>alert(1)</script> & Söhne",
    timezone="Asia/Kolkata",
    edition_on=date(2026, 11, 23),
    weeks=(Week(84, 2, 61, 90_000), Week(70, 2, 70, None)),
    as_of=datetime(2026, 11, 23, 1, tzinfo=UTC),
    news=News(slipped_count=3, failed_attempt_count=4, failing_student_count=1, completion_count=1),
    figures=Figures(120, 14, 9, 0.25, 300, None, 720_000, -0.1),
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
    letter = replace(LETTER, weeks=None, company="Acme\r\nBcc: all@example.com \u202e")
    assert render_mail(letter).subject == "Acme Bcc: all@example.com: 3 students became at risk"
    assert render_mail(replace(letter, news=News())).subject == "Acme Bcc: all@example.com: your report, Monday 23 November"
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


def test_a_daily_mail_has_the_numbers_of_today_and_of_30_days() -> None:
    text = render_mail(replace(LETTER, weeks=None)).text
    assert "\nStudents seen in the last 7 days: 120\nStudents at risk now: 14\nNew students in 30 days: 9 (up 25% on" in text
    assert "a day: " not in text


def test_a_week_of_which_nothing_is_known_shows_no_zeros() -> None:
    nothing = Week(None, None, None, None)
    assert (
        "\nLearners a day: –\nNew students: –\nVideos completed: –\nWatch time: –\n"
        in render_mail(replace(LETTER, weeks=(nothing, nothing))).text
    )
