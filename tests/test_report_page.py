"""The page: what it says, that it escapes everything and asks for nothing, and how it stands in a real browser.

Longer than most: all of it reads the same three pages.
"""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import html5lib
import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, sync_playwright

from reports import wording
from reports.document import Document, Frame
from reports.formats import FORMATS
from reports.page import keep_whole, set_units_small
from reports.reading import Reading
from reports.sections import advice, daily, videos
from tests.page_outline import Page
from tests.report_documents import HOSTILE, believable, empty, hostile, tiny, weekly
from tests.report_rows import AS_OF, COLUMNS, TODAY, frame

CHROMIUM = Path("/usr/bin/chromium")
DOCUMENTS = {"believable": believable, "weekly": weekly, "empty": empty, "hostile": hostile}


def _html(document: Document) -> str:
    return FORMATS["html"].render(document).decode("utf-8")


def _page(document: Document) -> Page:
    return Page(_html(document))


def _with(document: Document, *frames: Frame) -> Document:
    """The document with these frames put in."""
    changed = {**document.frames, **{one.name: one for one in frames}}
    return replace(document, frames=changed, main=changed[document.main.name])


def _without(document: Document, *names: str) -> Document:
    return replace(
        document, frames={name: one for name, one in document.frames.items() if name not in names}, main=document.frames["top_questions"]
    )


def _edit(document: Document, name: str, **changes: Any) -> Document:
    """The document with the first row of a mart changed."""
    first, *rest = document.frames[name].table.to_pylist()
    return _with(document, frame(name, [first | changes, *rest]))


@pytest.mark.parametrize("make", DOCUMENTS.values(), ids=DOCUMENTS)
def test_nothing_is_loaded_and_nothing_runs(make: Any) -> None:
    page = _page(make())
    assert {tag for tag, _, _ in page.elements} & {
        "script",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "img",
        "a",
        "audio",
        "video",
        "use",
        "image",
    } == set()
    for tag, attributes, _ in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcset", "action", "xlink:href")], tag
        assert attributes.get("href", "data:,") == "data:,"
    assert [attributes for tag, attributes, _ in page.elements if tag == "link"] == [{"rel": "icon", "href": "data:,"}]
    style = "".join(text for path, text in page.texts if "style" in path)
    assert not re.search(r"url\(|@import|https?:|</", style)


def test_the_policy_allows_the_style_and_nothing_else() -> None:
    page = _page(hostile())
    style = "".join(text for path, text in page.texts if "style" in path)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    metas = [attributes for tag, attributes, _ in page.elements if tag == "meta"]
    assert metas[0] == {"charset": "utf-8"}
    assert metas[1]["http-equiv"] == "Content-Security-Policy"
    assert metas[1]["content"] == f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def test_hostile_text_is_text() -> None:
    document, page = hostile(), _page(hostile())
    names = [wording.clean(text, 120) or "Unnamed student" for text in HOSTILE[:10]]
    shown = [" ".join(text.split()) for path, text in page.texts if path[-1:] == ("bdi",) and "ol" in path]
    assert set(names) <= set(shown[:20]), "the names of the first twenty, as they were typed"
    assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in shown
    assert page.text.count("</title><script>alert('x')</script>") >= 3, "tab title, heading, footer"
    assert not set("\u202e\u202d\u200b\x00\x07") & set(_html(document)), "direction and control characters are gone"
    assert "W" * 281 not in page.text and "…" in page.text
    assert "Courses <i>& more</i>" in page.text


def test_every_stranger_s_text_keeps_its_direction_to_itself() -> None:
    page = _page(hostile())
    loose = [path for path, text in page.texts if ("محمد" in text or "Söhne" in text) and not {"bdi", "title"} & set(path)]
    assert loose == []


def test_ids_are_unique_and_references_hold() -> None:
    page = _page(hostile())
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {one for _, attributes, _ in page.elements for one in attributes.get("aria-labelledby", "").split()}
    assert wanted <= set(ids)


def test_no_identifier_is_shown() -> None:
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", _html(believable()))


def test_each_chart_has_a_title_a_text_and_a_table() -> None:
    page = _page(believable())
    charts = [
        attributes for tag, attributes, path in page.elements if tag == "svg" and "svg" not in path and "aria-hidden" not in attributes
    ]
    assert [chart["role"] for chart in charts] == ["img", "img"]
    assert [chart["aria-labelledby"] for chart in charts] == ["daily-title daily-text", "hours-title hours-text"]
    daily_text, hours_text = (text for path, text in page.texts if path[-1:] == ("desc",))
    assert "On a usual day" in daily_text and "Busiest on" in hours_text
    days = [text for path, text in page.texts if path[-2:] == ("tr", "th") and "details" in path and text != "Day"]
    assert days[3:5] == ["2 March 2026", "1 March 2026"], "three more headings, then the days, newest first"
    assert len(days) - 3 == 85 + 25 + 6, "and of the hours the 24 headings, and the weekdays but the first"
    assert "at risk" in page.section("Where students stand")


def test_days_without_rows_are_zero_and_today_is_apart() -> None:
    rows = [{"activity_on": TODAY - timedelta(days=back), "active_student_count": 7, "new_student_count": 1} for back in (40, 2, 0)]
    view = daily.build(Reading(_with(tiny("report", "creator_overview"), frame("daily_activity", rows))))
    assert len(view.days) == 41
    assert [day.active for day in view.days[:4]] == ["7", "0", "7", "0"]
    assert view.days[0].mean == "–" and view.days[1].mean == "1"
    assert (
        view.summary
        == "On a usual day 0, on the busiest, Wednesday 21 January, 7 students. In the last seven full days 1 a day on average, in the seven before 0."
    )
    assert view.chart is not None and view.chart.count("<title>") == 41 and "Monday 2 March: 7" in view.chart


def test_a_creator_of_one_day_has_a_chart() -> None:
    rows = [{"activity_on": TODAY, "active_student_count": 1, "new_student_count": 1}]
    view = daily.build(Reading(_with(tiny("report", "creator_overview"), frame("daily_activity", rows))))
    assert view.summary == "Today is the first day with learning, so far by 1 student."
    assert len(view.days) == 31


def test_being_seen_and_learning_are_two_things() -> None:
    page = _page(_edit(believable(60), "creator_overview", student_count=61, active_7d_count=40))
    assert "40 of 61 students (66%) were seen in the app in the last 7 days, today included." in page.text.replace("\u00a0", " ")
    week, happened = page.section("At a glance").split("40 of")[0], page.section("What happened")
    assert "Learners a day | " in week and "66%" not in week, "what holds today stands out of seven days that are over"
    assert "Students seen | " in happened and "Days with learners | 30 | of 30" in happened
    terms = page.section("What the numbers mean")
    assert "Seen in 7 days | Students who were in the app" in terms and "Those who only looked in are not among them." in terms
    assert not re.search(r"\bactive\b", page.text, re.IGNORECASE), "it meant both"


def test_half_a_student_is_never_active() -> None:
    rows = [
        {"activity_on": TODAY - timedelta(days=back), "active_student_count": 190 + back % 2 * 15, "new_student_count": 0}
        for back in range(1, 31)
    ]
    assert daily.build(Reading(_with(believable(50), frame("daily_activity", rows)))).summary.startswith(
        "On a usual day 190, on the busiest"
    )


def test_quiet_days_are_those_of_the_calendar() -> None:
    one = tiny("report", "creator_overview").frames["student_engagement_tiers"].table.to_pylist()[0]
    seen = (datetime(2026, 2, 21, 23, 30, tzinfo=UTC), datetime(2026, 2, 22, 8, 0, tzinfo=UTC), datetime(2026, 2, 22, 18, 0, tzinfo=UTC))
    people = [
        one | {"student_id": str(no), "name": f"S{no}", "last_active_at": at, "watch_seconds": 9 - no, "membership_status": status}
        for no, (at, status) in enumerate(zip(seen, ("trialing", "cancelled", "active"), strict=True))
    ]
    document = _with(replace(tiny("report", "creator_overview"), timezone="Europe/Berlin"), frame("student_engagement_tiers", people))
    lines = _page(document).section("Who slipped").splitlines()[-3:]
    assert [line.split(" | ")[1] for line in lines] == ["8 days quiet"] * 3, "each on 22 February by the clock of Berlin"
    assert [line.endswith(end) for line, end in zip(lines, ("on trial", "membership cancelled", "watched"), strict=True)] == [True] * 3


def test_tiers_say_whom_the_first_number_leaves_out() -> None:
    document = believable(30)
    row = document.frames["student_engagement_tiers"].table.to_pylist()[0]
    done = {"student_id": "s-done", "tier": "at_risk", "lifecycle_stage": "completed"}
    long_ago = {"from_tier": None, "to_tier": "at_risk", "changed_at": document.as_of - timedelta(days=8)}
    people = [row | done, row | {"student_id": "s-lost", "tier": "at_risk", "lifecycle_stage": "learning"}]
    changes = [long_ago | {"student_id": one["student_id"]} for one in people]
    section = _page(_with(document, frame("student_engagement_tiers", people), frame("tier_transitions", changes))).section(
        "Where students stand"
    )
    assert "1 of the 2 at risk a week ago has completed every video by now." in section
    assert "completed every video" not in _page(document).section("Where students stand")


def test_videos_with_two_reasons_come_first() -> None:
    one = {"viewer_count": 20, "completion_rate": 0.2, "needs_attention": True}
    reasons = ("few finish it", "few finish it; 5 questions", None)
    rows = [
        one | {"video_id": f"v{no}", "title": f"V{no}", "viewer_count": 90 - no, "attention_reason": why} for no, why in enumerate(reasons)
    ]
    shown = videos.build(Reading(_with(believable(), frame("video_analytics", rows)))).weak
    assert [video.title for video in shown] == ["V1", "V0", "V2"]


def test_files_beside_a_weekly_page_are_older_and_not_counted() -> None:
    counted = re.compile(r"reason and activity: [0-9,]+ rows")
    assert counted.search(_page(believable()).section("The raw files"))
    assert not counted.search(_page(weekly()).section("The raw files"))


def test_who_watched_for_no_time_is_not_said_to_have_watched_0() -> None:
    one = tiny("report", "creator_overview").frames["student_engagement_tiers"].table.to_pylist()[0] | {"watch_seconds": 0}
    section = _page(_with(tiny("report", "creator_overview"), frame("student_engagement_tiers", [one]))).section("Who slipped")
    assert "2 videos started" in section and "watched" not in section.splitlines()[-1]


def test_the_day_is_the_creator_s() -> None:
    late = replace(tiny("report", "creator_overview"), as_of=datetime(2026, 3, 2, 18, 30, tzinfo=UTC))
    assert Reading(late).today == date(2026, 3, 3)
    assert "As of | 3 March 2026, 00:15" in _page(late).outline()
    assert "Time zone | Asia/Kathmandu (UTC+5:45)" in _page(late).outline()


@pytest.mark.parametrize("zone", ["Not/A_Zone", "", "../etc/passwd", "America", "\x00"])
def test_a_broken_zone_is_utc(zone: str) -> None:
    assert "Time zone | UTC" in _page(replace(tiny("report", "creator_overview"), timezone=zone)).outline()


def test_each_number_of_the_page_is_explained_to_a_creator() -> None:
    page = _page(believable())
    terms = dict(line.split(" | ", 1) for line in page.section("What the numbers mean").splitlines() if " | " in line)
    glance = page.section("At a glance").splitlines()
    places = [
        glance[: glance.index("As of | 2 March 2026, 08:00")],
        *(page.section(name).splitlines() for name in ("What happened", "Revenue")),
    ]
    labels = {line.split(" | ")[0] for lines in places for line in lines if " | " in line}
    assert labels >= {"Learners a day", "Churn", "Watch time", "This month so far"}
    assert labels - set(terms) == set(), "a number of the page without a word on what it means: reports/sections/meaning.py"
    for meaning in terms.values():
        assert not re.search(r"\bnull\b|as_of|\w_\w|minor unit|not rounded|\bseconds?\b|local day|\bmedian\b|denominator", meaning, re.I), (
            meaning
        )


def test_only_what_is_on_the_page_is_explained() -> None:
    terms = _page(_without(believable(), "revenue_overview")).section("What the numbers mean")
    assert "This month so far" not in terms and "Needs attention" in terms


def test_who_slipped_leaves_out_those_who_completed() -> None:
    people = believable(400).frames["student_engagement_tiers"].table.to_pylist()
    people = [row for row in people if row["tier"] != "at_risk"]
    slipped = [
        people[0] | {"student_id": str(number), "name": f"Student {number:02}", "tier": "at_risk", "lifecycle_stage": "learning", "watch_seconds": number * 60,
                     "last_active_at": AS_OF - timedelta(days=9, hours=5), "has_slipped": number == 3, "membership_status": "active", "has_failed_twice": number == 4}
        for number in range(22)
    ]  # fmt: skip
    done = slipped[0] | {"student_id": "x", "name": "Done", "lifecycle_stage": "completed", "watch_seconds": 10**6}
    section = (
        _page(_with(believable(400), frame("student_engagement_tiers", [*people, done, *slipped]))).section("Who slipped").splitlines()
    )
    assert section[2] == "22 students at risk"
    assert section[3].startswith("In the last 7 days ")
    names = [line.split(" | ")[0] for line in section[4:24]]
    assert names == ["Student 03", *(f"Student {number:02}" for number in range(21, 3, -1)), "Student 02"], "who slipped this week first"
    assert section[4].split(" | ")[1:3] == ["9 days quiet", ", last seen 21 February 2026"]
    assert "failed a quiz twice" in section[22]
    assert section[24] == "And 2 more, in students.csv. 1 more was quiet as long after completing every video, and is not listed."
    assert "Done" not in "\n".join(section)


def test_nobody_slipped() -> None:
    rows = [row | {"tier": "engaged"} for row in tiny("report", "creator_overview").frames["student_engagement_tiers"].table.to_pylist()]
    page = _page(_with(tiny("report", "creator_overview"), frame("student_engagement_tiers", rows)))
    assert "Nobody is slipping away." in page.section("Who slipped") and "0 students are slipping away" in page.section("At a glance")


def test_questions_asked_once_stay_out() -> None:
    section = _page(believable()).section("What students ask")
    assert "What is the difference between RAW and JPEG in practice? | also asked as: “first lens to buy??”, “what lens" in section
    assert "Do I need a release form for people in the street? | 8 students | asked 10 times" in section
    assert "Why are my night pictures so noisy?" not in section


def test_a_rate_of_nothing_is_a_dash() -> None:
    rates = {name: None for name in COLUMNS["creator_overview"].split() if name.endswith("_rate")}
    page = _page(_edit(tiny("report", "creator_overview"), "creator_overview", **rates, avg_quiz_score=None))
    for label in ("Churn", "Mean completion"):
        assert f"{label} | –" in page.outline()
    assert "(–)" in page.section("What the numbers mean")


def test_a_creator_without_students_reads_a_short_page_of_what_is_missing_and_what_comes() -> None:
    page = _page(empty())
    titles = [text for path, text in page.texts if path[-1:] == ("h2",)]
    assert titles == ["What appears here, and when"]
    assert "No students yet. This page fills itself as they join." in page.text
    assert "Students are missing, and videos for them to watch." in page.text
    assert "Who slipped | Once a student has been quiet for 7 days." in page.outline()
    assert len(page.outline()) < 1500 and "students.csv" not in page.text
    assert (
        "Ready for your first student: 3 videos and 1 quiz." in _page(_edit(empty(), "creator_overview", video_count=3, quiz_count=1)).text
    )


def test_what_students_who_have_left_did_is_shown_in_sections() -> None:
    sections = _page(_with(empty(), frame("revenue_overview", believable(30).frames["revenue_overview"].table.to_pylist()))).outline()
    assert "412.50 EUR" in sections
    for sentence in ("No learning yet.", "No videos yet.", "Nobody learned in the last 30 days.", "No quizzes yet.", "Nothing to recommend.",
                     "No questions in the last 90 days."):  # fmt: skip
        assert sentence in sections


def test_missing_frames_are_named() -> None:
    page = _page(_without(believable(), "creator_overview", "daily_activity", "video_analytics", "student_engagement_tiers"))
    for sentence in (
        "the key numbers",
        "the daily activity",
        "the videos",
        "the list of students",
        "the students’ tiers".replace("’", "'"),
    ):
        assert f"This edition came without {sentence}." in page.text
    assert "Which lens should I buy first?" in page.text
    named = _page(_without(believable(), "student_engagement_tiers"))
    assert re.search(r"\d+ students at risk\. This edition came without their names\.", named.section("Who slipped"))


def test_the_tiers_are_counted_without_an_overview() -> None:
    whole, part = _page(believable()), _page(_without(believable(), "creator_overview"))
    assert part.section("Where students stand") == whole.section("Where students stand")


def test_a_new_report_and_a_new_metric_need_no_template() -> None:
    document = believable(60)
    report = frame("course_progress", [{"course_id": "c", "title": "Basics", "started_count": 1200, "completed_rate": 0.255, "watch_seconds": 5400,
                                       "ended_on": date(2026, 2, 1), "seen_at": AS_OF, "needs_attention": False}] * 12,
                   "course_id title started_count completed_rate watch_seconds ended_on seen_at needs_attention", "Courses")  # fmt: skip
    old = document.frames["creator_overview"]
    metric = frame("creator_overview", [old.table.to_pylist()[0] | {"project_count": 1234}], COLUMNS["creator_overview"] + " project_count")
    outline = _page(_with(document, report, metric)).outline()
    assert (
        "Courses\nOne row per course_progress.\nTitle | Started count | Completed rate | Watch seconds | Ended on | Seen at | Needs attention\n"
        in outline
    )
    assert "Basics | 1,200 | 26% | 1 h 30 min | 1 February 2026 | 2 March 2026, 08:00 | no" in outline
    assert "The first 10 of 12 rows." in outline
    assert "Also\nProject count | 1,234" in outline
    assert "Nothing here yet." in _page(_with(document, frame("revenue", [], "paid_on amount_count", "Revenue"))).outline()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (wording.say_count(1234567), "1,234,567"), (wording.say_count(71.38), "71.4"), (wording.say_count(None), "–"), (wording.say_count(0), "0"),
        (wording.say_rate(None), "–"), (wording.say_rate(0), "0%"), (wording.say_rate(0.004), "<1%"), (wording.say_rate(0.285), "29%"),
        (wording.say_rate(0.9951), ">99%"), (wording.say_rate(1.0), "100%"), (wording.say_rate(0.005), "1%"),
        (wording.say_duration(45), "45 s"), (wording.say_duration(12_000), "3 h 20 min"), (wording.say_duration(7200), "2 h"),
        (wording.say_duration(4_334_400), "1,204 h"), (wording.say_duration(0), "0 min"), (wording.say_duration(None), "–"),
        (wording.say_position(272), "4:32"), (wording.say_position(3725), "1:02:05"), (wording.say_day(date(2026, 3, 3)), "3 March 2026"),
        (wording.say_trend(120, 112), "up 8 from 112"), (wording.say_trend(0, 3), "down 3 from 3"), (wording.say_trend(4, 4), "the same as before"),
        (wording.say_trend(1016700, 1645800, wording.say_duration), "down 175 h from 457 h"), (wording.say_trend(63.14, 58.26), "up 4.8 from 58.3"),
        (wording.say_trend(59.9, 3599.9, wording.say_duration), "down 58 min from 59 min"), (wording.say_trend(3.02, 2.98), "the same as before"),
        (wording.say_trend(5, None), None), (wording.say_many(1, "quiz", "quizzes"), "1 quiz"), (wording.say_many(0, "student"), "0 students"),
        (wording.say_change(0.34), "up 34%"), (wording.say_change(-0.03), "down 3%"), (wording.say_change(0.001), "up less than 1%"),
        (wording.say_change(132.0), "up 13,200%"),
        (wording.say_change(0.996), "up 100%"), (wording.say_change(-0.996), "down over 99%"),
        (wording.say_change(None), "–"), (wording.say_growth(0.001, "then"), "up less than 1% on then"),
        (wording.say_growth(0, "then"), "the same as in then"),
        (str(keep_whole("97 h 30 min & 5 s")), "97\u00a0h\u00a030\u00a0min &amp; 5\u00a0s"), (str(keep_whole("3 h of 4 videos")), "3\u00a0h of 4 videos"),
        (str(keep_whole("2026-11-21 to 2026-11-27")), "<time>2026-11-21</time> to <time>2026-11-27</time>"),
        (str(set_units_small("97 h 30 min")), "97<small>\u00a0h</small>\u00a030<small>\u00a0min</small>"),
        (str(set_units_small("<b>4 h")), "&lt;b&gt;4<small>\u00a0h</small>"),
        (str(keep_whole("on 3 March 2026")), "on 3\u00a0March\u00a02026"), (str(keep_whole("Mar 03, 2026")), "Mar\u00a003,\u00a02026"),
        (wording.clean("  a\n\tb\u202e "), "a b"), (wording.clean("\u200b \u3164\u200d"), ""), (wording.clean("👩🏽‍🚀" * 30, 5), "👩🏽‍🚀…"),
        (wording.clean("é" * 5, 5), "é" * 5), (wording.clean("abcdef", 5), "abcde…"), (wording.sentence("no activity"), "No activity"),
    ],
)  # fmt: skip
def test_wording(said: str | None, expected: str | None) -> None:
    assert said == expected


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_colours_reach_wcag_aa() -> None:
    style = "".join(text for path, text in _page(empty()).texts if "style" in path)
    palettes = [dict(re.findall(r"--(\w+): (#\w{3,6})\b", block)) for block in re.findall(r":root \{[^}]*--paper[^}]*\}", style)]
    assert len(palettes) == 3, "light, dark, print"
    for palette in palettes:
        paper = _luminance(palette["paper"].ljust(7, "f"))
        for name, least in {"ink": 7, "soft": 4.5, "accent": 4.5, "line": 3}.items():
            one = _luminance(palette[name].ljust(7, "0"))
            contrast = (max(one, paper) + 0.05) / (min(one, paper) + 0.05)
            assert contrast >= least, f"{name} on {palette['paper']}: {contrast:.2f}"


def test_a_week_is_compared_with_the_week_before() -> None:
    rows = [
        {"activity_on": TODAY - timedelta(days=back), "is_partial": False, "active_student_count": 7, "new_student_count": 1 + (back > 7), "completion_count": 2,
         "watch_seconds": 600 * (1 + (back <= 7))}
        for back in range(20)
    ]  # fmt: skip
    tuesday = replace(_with(tiny("report", "creator_overview"), frame("daily_activity", rows)), as_of=AS_OF + timedelta(days=1))
    daily_page, weekly_page = (_page(replace(tuesday, is_weekly=is_weekly)).section("At a glance") for is_weekly in (False, True))
    assert "The 7 days from 24 February 2026 to 2 March 2026, beside the 7 before\n" in daily_page
    assert "The week from 23 February 2026 to 1 March 2026, beside the week before\n" in weekly_page
    assert "New students | 7 | ↘ down 7 from 14\n" in weekly_page
    assert "Watch time | 2 h 20 min | ↗ up 1 h 10 min from 1 h 10 min\n" in weekly_page
    assert "Videos completed | 14 | the same as before" in weekly_page
    assert "New students | 7 | ↘ down 6 from 13\n" in daily_page


def test_those_who_slip_are_compared_with_a_week_ago_without_who_is_done() -> None:
    one = tiny("report", "creator_overview").frames["student_engagement_tiers"].table.to_pylist()[0]
    people = [
        one | {"student_id": str(no), "tier": "at_risk", "lifecycle_stage": "completed" if no == 3 else "learning"} for no in range(4)
    ]
    then = [
        {"student_id": student, "changed_at": AS_OF - timedelta(days=days), "to_tier": tier, "rules_version": 1}
        for student, days, tier in (
            ("0", 9, "at_risk"), ("3", 9, "at_risk"), ("1", 9, "at_risk"), ("1", 8, "engaged"), ("2", 9, "engaged"), ("2", 6, "at_risk"), ("gone", 9, "at_risk"),
        )
    ]  # fmt: skip
    document = _with(tiny("report", "creator_overview"), frame("student_engagement_tiers", people), frame("tier_transitions", then))
    assert "3 students are slipping away ↗ up 2 from 1 a week ago\n" in _page(document).section("At a glance")
    calm = _with(document, frame("student_engagement_tiers", people[1:2]))
    assert "1 student is slipping away as many as a week ago\n" in _page(_with(calm, frame("tier_transitions", then[2:3]))).section(
        "At a glance"
    )
    assert "3 students are slipping away\n" in _page(_without(document, "tier_transitions")).section("At a glance")


def test_what_is_not_known_leads_with_no_dashes() -> None:
    nothing = _page(_without(believable(60), "creator_overview", "daily_activity", "student_engagement_tiers"))
    assert "At a glance" not in nothing.outline() and "As of | 2 March 2026, 08:00" in nothing.outline()
    unnamed = _page(_without(believable(60), "daily_activity", "student_engagement_tiers"))
    assert re.search(r"\d+ students at risk\n", unnamed.section("At a glance")) and "Learners a day" not in unnamed.section("At a glance")


def test_partial_days_are_not_taken_for_quiet_ones() -> None:
    rows = [
        {"activity_on": TODAY - timedelta(days=back), "is_partial": back > 10, "active_student_count": 7, "watch_seconds": 60}
        for back in range(20)
    ]
    section = _page(_with(tiny("report", "creator_overview"), frame("daily_activity", rows))).section("At a glance")
    assert "Watch time | 7 min\n" in section and "Learners a day | 7 | the same as before" in section


def test_what_changed_since_the_last_report_is_told() -> None:
    page = _page(believable())
    assert "2 earlier numbers have changed since the last report." in page.text.replace("\u00a0", " ")
    learners = believable().frames["daily_activity"].table.to_pylist()[-3]["active_student_count"]
    section = page.section("Changed since the last report")
    assert f"28 February 2026 | Learners | {learners - 1} | {learners}" in section
    assert "Changed since" not in _page(replace(believable(), last_report_as_of=None)).outline()


@pytest.mark.parametrize(
    ("pattern", "expected"), [("YYYY-MM-DD", "2026-02-28"), ("MMMM D, YYYY", "February 28, 2026"), ("DD MMM YYYY", "28 Feb 2026")]
)
def test_dates_are_written_as_the_creator_wants(pattern: str, expected: str) -> None:
    section = _page(replace(believable(), date_format=pattern)).section("Changed since the last report")
    assert f"{expected} | Learners" in section


def test_money_quizzes_hours_and_advice() -> None:
    page = _page(believable())
    assert (
        "412.50 EUR" in page.section("Revenue")
        and "58,000 JPY" in page.section("Revenue")
        and "3 payments failed this month" in page.section("Revenue")
    )
    assert re.search(r"Colour spaces \| 5\d% \| fail", page.section("Quizzes")) and "Which space is widest? | 68% | wrong" in page.section(
        "Quizzes"
    )
    assert "Exposure basics" not in page.section("Quizzes")
    assert re.search(r"Check in with \d+ students", page.section("What to do next"))
    assert re.search(r"At risk \| quiet for 7 to 14 days \| \d+ \| \d+% \| was \d+", page.section("Where students stand"))
    titles = [text for path, text in page.texts if path[-1:] == ("h2",)]
    assert titles == [
        "At a glance", "Who slipped", "What happened", "When students learn", "Where students stand", "Videos", "Quizzes", "What students ask", "Revenue",
        "What to do next", "Changed since the last report", "What the numbers mean", "The raw files",
    ]  # fmt: skip


def test_what_weighs_most_is_advised_first_and_the_rest_has_a_place() -> None:
    document = believable(200)
    rates, asked = (0.51, 0.75, 0.88, 0.66, 0.7), (262, 149, 459, 127, 90, 80)
    quizzes = [{"quiz_id": f"z{no}", "title": f"Quiz {no}", "attempt_count": 9, "fail_rate": rate} for no, rate in enumerate(rates)]
    gaps = [{"question_id": f"g{no}", "question": f"Gap {no}", "ask_count": 500, "student_count": count} for no, count in enumerate(asked)]
    slow = [
        {"video_id": f"v{no}", "title": f"Video {no}", "viewer_count": viewers, "completion_rate": rate}
        for no, (viewers, rate) in enumerate(((20, 0.1), (40, 0.2)))
    ]
    people = [
        {"student_id": f"s{no}", "name": f"Student {no}", "watch_seconds": no, "has_slipped": no == 1, "xp_points": no} for no in range(5)
    ]
    kinds = (("revise_quiz", "quiz_id", quizzes), ("review_video", "video_id", slow), ("close_gap", "question_id", gaps), ("check_in", "student_id", people),
             ("offer_advanced", "student_id", people))  # fmt: skip
    told = [
        {
            "recommendation": kind,
            key: row[key],
            "about": row.get("title") or row.get("question") or row.get("name"),
            "action": kind,
            "reason": "why",
        }
        for kind, key, rows in kinds
        for row in rows
    ]
    marts = {
        "quiz_analytics": quizzes,
        "video_analytics": slow,
        "top_questions": gaps,
        "student_engagement_tiers": people,
        "recommendations": told,
    }
    view = advice.build(Reading(_with(document, *(frame(name, rows) for name, rows in marts.items()))))
    names = [name for one in view.advice for name in one.names]
    assert names[:4] == ["Quiz 2", "Quiz 1", "Quiz 4", "Quiz 3"], "88%, 75%, 70%, 66%"
    assert names[4:10] == ["Video 1", "Video 0", "Gap 2", "Gap 0", "Gap 1", "Gap 3"], "40 viewers, 20; 459, 262, 149, 127"
    assert names[10:] == ["Student 1", "Student 4", "Student 3", "Student 4", "Student 3", "Student 2"], (
        "slipped, then watched most; points"
    )
    assert view.rest == "And 1 more quiz, 2 more questions (in questions.csv, those whose column is_content_gap is true)."
    assert view.advice[-2].because.endswith(
        "All are in students.csv, where the column tier says at_risk or inactive, and lifecycle_stage does not say completed."
    )
    unweighed = advice.build(Reading(_with(_without(document, "quiz_analytics"), frame("recommendations", told))))
    assert unweighed.advice[0].names == ["Quiz 0"], "as the recommendations come"


@settings(max_examples=12, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=3, max_size=3))
def test_any_text_comes_through_a_browsers_parser(names: list[str]) -> None:
    """Read by html5lib, which follows the parsing rules of browsers."""
    rows = [
        row | {"name": name, "tier": "at_risk", "lifecycle_stage": "learning"}
        for row, name in zip(tiny("report", "creator_overview").frames["student_engagement_tiers"].table.to_pylist(), names, strict=True)
    ]
    tree = html5lib.parse(
        _html(_with(tiny("report", "creator_overview"), frame("student_engagement_tiers", rows))), namespaceHTMLElements=False
    )
    people = tree.find(".//ol[@class='rows people']")
    shown = ["".join(one.itertext()) for one in people.findall("./li/p[@class='name']/bdi")]
    assert sorted(shown) == sorted(wording.clean(name, 120) or "Unnamed student" for name in names)


def test_a_large_creator_is_quick_and_small() -> None:
    document = believable(10_000)
    _html(document)
    times = []
    for _ in range(7):
        start = time.process_time()
        content = _html(document)
        times.append(time.process_time() - start)
    assert min(times) < 0.08
    assert len(content.encode()) < 250_000


class _Quiet(SimpleHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """The test looks at `asked` instead."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM} (Debian: apt-get install chromium)")
    options = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield started
        started.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """The three pages on a real server, and the list of what it was asked for."""
    for name, make in DOCUMENTS.items():
        (tmp_path / f"{name}.html").write_text(_html(make()), encoding="utf-8")
    asked: list[str] = []
    handler = type("Handler", (_Quiet,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_without_a_word(browser: Browser, site: tuple[str, list[str]], name: str, width: int, scheme: Any) -> None:
    address, asked = site
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    sent: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: sent.append(request.url))
    page.goto(f"{address}/{name}.html")
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.wait_for_timeout(100)
    assert said == []
    assert [url for url in sent if not url.startswith("data:")] == [f"{address}/{name}.html"]
    assert asked == [f"/{name}.html"]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    wide = "[...document.querySelectorAll('body *')].filter(one => !one.closest('.wide, svg') && one.getBoundingClientRect().right > innerWidth + 1)"
    assert page.evaluate(f"{wide}.map(one => one.tagName + one.className)") == []
    assert (
        page.evaluate("getComputedStyle(document.body).backgroundColor")
        == {"light": "rgb(252, 251, 249)", "dark": "rgb(25, 24, 22)"}[scheme]
    )
    if width != 320:
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
        assert [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found.response["violations"]] == []
    page.close()


@pytest.mark.parametrize("width", [320, 390, 704, 1280])
def test_numbers_and_dates_stay_on_one_line(browser: Browser, tmp_path: Path, width: int) -> None:
    rows = [row | {"watch_seconds": 50_143} for row in believable().frames["daily_activity"].table.to_pylist()]
    document = _with(replace(weekly(), date_format="YYYY-MM-DD"), frame("daily_activity", rows))
    page = browser.new_page(viewport={"width": width, "height": 900})
    (tmp_path / "page.html").write_text(_html(_edit(document, "creator_overview", watch_30d_seconds=351_001)), encoding="utf-8")
    page.goto((tmp_path / "page.html").as_uri())
    shown = page.evaluate(
        "[...document.querySelectorAll('.slip b, .leading b, .group b, h3 time, .facts time')].map(one => {"
        "  const range = document.createRange(); range.selectNodeContents(one);"
        "  const tops = [...range.getClientRects()], first = tops[0].bottom;"
        "  return [one.textContent, tops.filter(rect => rect.top >= first).length + 1, one.scrollWidth - one.clientWidth] })"
    )
    texts = [text for text, _, _ in shown]
    assert texts.count("97\u00a0h\u00a030\u00a0min") == 2 and "2026-02-23" in texts
    assert [text for text, lines, _ in shown if lines > 1] == []
    assert [text for text, _, beyond in shown if beyond > 0] == [], "wider than their cell"
    page.close()


@pytest.mark.parametrize(("width", "height"), [(390, 664), (1280, 720)])
@pytest.mark.parametrize("name", ["believable", "weekly", "hostile"])
def test_the_numbers_that_lead_are_the_largest_and_seen_without_scrolling(
    browser: Browser, site: tuple[str, list[str]], name: str, width: int, height: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(f"{site[0]}/{name}.html")
    size = "one => parseFloat(getComputedStyle(one).fontSize)"
    slip, *week = page.evaluate(f"[...document.querySelectorAll('.slip b, .leading b')].map({size})")
    rest = page.evaluate(
        f"Math.max(...[...document.querySelectorAll('h1, h2, h3, p:not(.slip), dl b, td')].filter(one => !one.closest('.leading')).map({size}))"
    )
    assert len(week) == 4 and slip >= 1.9 * max(week) and min(week) >= 1.15 * rest
    assert page.evaluate("document.querySelector('.leading').getBoundingClientRect().bottom") < height
    accent = "rgb(156, 63, 30)"
    assert page.evaluate("[...document.querySelectorAll('.slip b, .leading b')].map(one => getComputedStyle(one).color)").count(accent) == 1
    page.close()


def test_the_glossary_is_short_until_it_is_asked_for(browser: Browser, site: tuple[str, list[str]]) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{site[0]}/believable.html")
    height = "document.querySelector('[aria-labelledby=meaning]').offsetHeight"
    closed = page.evaluate(height)
    assert closed < 500 and not page.get_by_text("Of its viewers, the share who finished it.").is_visible()
    page.locator(".glossary summary", has_text="Videos").focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("Of its viewers, the share who finished it.").is_visible() and page.evaluate(height) > closed + 200
    page.close()


def test_other_wordings_of_a_question_are_whole_on_screen_and_paper(browser: Browser, tmp_path: Path) -> None:
    long = "how do i keep the colours of my prints the same as on my screen " * 3
    document = _edit(believable(), "top_questions", question=f"And {long}?", example_wordings=json.dumps([long, f"{long} please"]))
    (tmp_path / "page.html").write_text(_html(document), encoding="utf-8")
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto((tmp_path / "page.html").as_uri())
    cut = "[...document.querySelectorAll('{}')].filter(one => one.scrollHeight > one.clientHeight + 1).map(one => one.textContent)"
    assert long.strip() in page.inner_text(".also") and page.evaluate(cut.format(".also")) == []
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 680, "height": 900})
    assert page.evaluate(cut.format(".also, .name, .why")) == []
    page.close()


def test_the_foot_is_whole_and_numbers_in_tables_do_not_break(browser: Browser, site: tuple[str, list[str]]) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(f"{site[0]}/hostile.html")
    last = page.locator("footer p").last
    assert last.inner_text().endswith("those are in students.csv.") and last.evaluate("one => one.scrollHeight <= one.clientHeight + 1")
    page.goto(f"{site[0]}/believable.html")
    *_, before, now = page.locator("[aria-labelledby=changes] td").all_text_contents()
    assert "\u00a0h" in before + now and " " not in before + now
    page.close()


@pytest.mark.parametrize("width", [320, 390])
def test_numbers_in_open_tables_stand_on_one_line(browser: Browser, site: tuple[str, list[str]], width: int) -> None:
    """Three digits below each other read as three numbers."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{site[0]}/believable.html")
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    lines = page.evaluate(
        """[...document.querySelectorAll('.wide td:not(.t)')].filter(one => one.textContent.length > 1).map(one => {
            const range = document.createRange(); range.selectNodeContents(one); return new Set([...range.getClientRects()].map(part => Math.round(part.top))).size})"""
    )
    assert len(lines) > 100 and set(lines) == {1}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_prints(browser: Browser, site: tuple[str, list[str]], name: str) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(f"{site[0]}/{name}.html")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("[...document.querySelectorAll('details:not(.glossary)')].every(one => getComputedStyle(one).display === 'none')")
    assert page.evaluate(
        "[...document.querySelectorAll('.glossary dd')].every(one => one.checkVisibility({contentVisibilityAuto: true}) && one.offsetHeight > 10)"
    )
    pages = page.pdf(format="A4").count(b"/Type /Page\n")
    assert 1 <= pages <= 9
    page.close()
