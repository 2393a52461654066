"""Documents to test reports with: a believable creator, an empty one, hostile text everywhere, and a tiny one for the golden files.

Belongs here: documents. Does not: rows (report_rows.py), checks.
`.venv/bin/python -m tests.report_documents FOLDER` writes the first three as pages there, to be looked at.
"""

import json
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from reports.document import Document
from reports.formats import FORMATS
from tests.report_overview import overview
from tests.report_rows import AS_OF, COLUMNS, ROW_LEVEL, TITLES, advice, document, doings, frame, identity, questions, restatements, revenue
from tests.report_school import School, enrol

_BERLIN = ZoneInfo("Europe/Berlin")


def believable(count: int = 1240, seed: int = 4) -> Document:
    """A creator with a school of photography."""
    school, asked = School.of(identity(random.Random(seed)), random.Random(seed), count, _BERLIN), questions("", 7)
    page = _page("Northlight School of Photography", _marts(school, "Northlight School of Photography", asked))
    return replace(page, last_report_as_of=AS_OF - timedelta(days=1))


def _marts(school: School, company: str, asked: Sequence[Mapping[str, Any]]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """All marts of the page, each counted from the same students."""
    creator, people, clips, days, (tried, wrong) = school.creator, school.students, school.videos(asked), school.days(), school.quizzes()
    return {
        "creator_overview": [overview(school, company, people, clips, asked)], "daily_activity": days, "hourly_activity": school.hours(),
        "student_engagement_tiers": people, "tier_transitions": school.transitions(), "video_analytics": clips, "quiz_analytics": tried,
        "quiz_question_analytics": wrong, "top_questions": [one | {"creator_id": creator} for one in asked], "revenue_overview": revenue(creator),
        "recommendations": advice(creator, people, clips, tried, asked), "restatements": restatements(creator, days),
    }  # fmt: skip


def weekly() -> Document:
    """The same creator's week, with dates the American way."""
    return replace(believable(), title="Weekly report", is_weekly=True, date_format="MMM DD, YYYY")


def empty() -> Document:
    """A creator who signed up a minute ago."""
    creator = identity(random.Random(0))
    return _page(
        "Fresh Start Ltd",
        {name: [] for name in COLUMNS}
        | {"creator_overview": [overview(School(creator, random.Random(0), [], _BERLIN), "Fresh Start Ltd", [], [], [])]},
    )


HOSTILE = [
    None, "<script>alert(1)</script><img src=x onerror=alert(2)>", "=HYPERLINK(\"http://example.org\",\"click\")", "\u202eevil desrever\u202d",
    "محمد عبد الله الطويل", "דנה כהן – Dana", "👩🏽‍🚀 Astro 👨‍👩‍👧‍👦 family", "W" * 10_000, "word " * 2_000, "Z\u0351\u0360\u0341a\u0354\u0329\u0349l\u0334g\u0337o",
    "\u200b\u2060", "{{ 7 * 7 }}{% raw %}", "a\x00b\x07\nc\td", "&lt;b&gt; & \"quotes\" 'single'", "'=1+1", "]]></style></svg><b>out",
]  # fmt: skip


def hostile() -> Document:
    """A creator whose every text is an attack or an accident."""
    dice = random.Random(9)
    creator = identity(dice)
    school, asked = School.of(creator, dice, len(HOSTILE) * 3, _BERLIN), questions(creator, 7)
    people, clips = school.students, school.videos(asked)
    for number, student in enumerate(people):
        student |= {
            "name": HOSTILE[number % len(HOSTILE)],
            "tier": "at_risk",
            "lifecycle_stage": "learning",
            "watch_seconds": 1000 - number,
            "has_slipped": True,
        }
        student |= {"last_active_at": AS_OF - timedelta(days=8), "tier_reason": "No activity since 22 February 2026"}
    for number, clip in enumerate(clips):
        clip |= {
            "title": HOSTILE[number % len(HOSTILE)],
            "needs_attention": number % 2 == 1,
            "attention_reason": HOSTILE[(number + 3) % len(HOSTILE)],
        }
    for number, question in enumerate(asked):
        question |= {
            "question": HOSTILE[number + 1],
            "ask_count": 20 - number,
            "example_wordings": json.dumps(HOSTILE[number : number + 3]),
        }
    failed, wrong = school.quizzes()
    for number, line in enumerate([*failed, *wrong]):
        line |= {"title" if line in failed else "question": HOSTILE[number + 1]}
    told = advice(creator, people[:8], clips, failed, asked)
    for number, line in enumerate(told):
        line |= {"about": HOSTILE[number % len(HOSTILE)], "reason": HOSTILE[(number + 5) % len(HOSTILE)]}
    extra = frame("course_progress", [{"course": text, "started_count": 3, "completed_rate": None} for text in HOSTILE],
                  "course started_count completed_rate", "Courses <i>& more</i>")  # fmt: skip
    page = _page("</title><script>alert('x')</script>\u202e" + "Company & Söhne " * 700, {
        "creator_overview": [overview(school, "x", people, clips, asked)], "daily_activity": school.days(9), "video_analytics": clips,
        "student_engagement_tiers": people, "top_questions": asked, "quiz_analytics": failed, "quiz_question_analytics": wrong, "recommendations": told,
        "hourly_activity": school.hours(), "tier_transitions": school.transitions(), "revenue_overview": revenue(creator),
    })  # fmt: skip
    return document("report", page.title, page.creator_name, "creator_overview", {**page.frames, "course_progress": extra}, "Not/A_Zone")


def tiny(report: str, main: str) -> Document:
    """Three students and three videos, with the awkward values that formats must hold: small enough to read as a golden file."""
    dice, zone = random.Random(16), ZoneInfo("Asia/Kathmandu")
    known = [
        enrol(dice, zone, timedelta(days=40), timedelta(days=9, hours=11, microseconds=250_000), 2),
        enrol(dice, zone, timedelta(days=20, hours=3), None, 0),
        enrol(dice, zone, timedelta(days=27), timedelta(hours=5), 3),
    ]
    titles = [TITLES[0], TITLES[1], "-5 °C: \tcold cameras"]
    asked = [
        one | {"related_video_title": titles[2] if one["related_video_title"] else None}
        for one in questions("", 3, sum(bool(one.begun) for one in known))
    ]
    school = School(identity(random.Random(2)), dice, known, zone, titles)
    for student, name, email in zip(
        school.students, ("=SUM(A1)", 'Zoë "Z" Ito, Jr.', "'+1\r\n\\ 👩🏽‍🚀"), (None, "", "zoe@example.org"), strict=True
    ):
        student |= {"name": name, "email": email}
    rows = _marts(school, "Tiny & Sons", asked)
    if main in ROW_LEVEL:
        rows |= doings(school.creator, school.students, rows["video_analytics"])
    frames = {name: frame(name, found) for name, found in rows.items()}
    return replace(
        document(report, "Creator report", "Tiny & Sons", main, frames, "Asia/Kathmandu"), last_report_as_of=AS_OF - timedelta(days=1)
    )


def _page(company: str, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Document:
    return document("report", "Creator report", company, "creator_overview", {name: frame(name, found) for name, found in rows.items()})


if __name__ == "__main__":
    for made in (believable, weekly, empty, hostile):
        target = Path(sys.argv[1]) / f"{made.__name__}.html"
        target.write_bytes(FORMATS["html"].render(made()))
        print(target)
