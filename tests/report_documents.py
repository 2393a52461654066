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

from reports.document import Document
from reports.formats import FORMATS
from tests.report_rows import (
    AS_OF,
    COLUMNS,
    ROW_LEVEL,
    advice,
    days,
    document,
    doings,
    frame,
    hours,
    identity,
    overview,
    questions,
    quizzes,
    restatements,
    revenue,
    students,
    transitions,
    videos,
)  # fmt: skip


def believable(count: int = 1240, seed: int = 4) -> Document:
    """A creator with a school of photography."""
    dice = random.Random(seed)
    creator = identity(dice)
    people, clips = students(count, dice, creator), videos(creator, dice, count // 2)
    failed, wrong = quizzes(creator, dice, count // 6)
    page = _page("Northlight School of Photography", {
        "hourly_activity": hours(creator, dice, count / 60), "tier_transitions": transitions(creator, people), "quiz_analytics": failed,
        "quiz_question_analytics": wrong, "revenue_overview": revenue(creator), "recommendations": advice(creator, people, clips),
        "restatements": restatements(creator),
        "creator_overview": [overview(creator, "Northlight School of Photography", people, clips)], "daily_activity": days(creator, dice, count / 9),
        "video_analytics": clips, "student_engagement_tiers": people, "top_questions": questions(creator, 7),
    })  # fmt: skip
    return replace(page, last_report_as_of=AS_OF - timedelta(days=1))


def weekly() -> Document:
    """The same creator's week, with dates the American way."""
    return replace(believable(), title="Weekly report", is_weekly=True, date_format="MMM DD, YYYY")


def empty() -> Document:
    """A creator who signed up a minute ago."""
    creator = identity(random.Random(0))
    return _page("Fresh Start Ltd", {name: [] for name in COLUMNS} | {"creator_overview": [overview(creator, "Fresh Start Ltd", [], [])]})


HOSTILE = [
    None, "<script>alert(1)</script><img src=x onerror=alert(2)>", "=HYPERLINK(\"http://example.org\",\"click\")", "\u202eevil desrever\u202d",
    "محمد عبد الله الطويل", "דנה כהן – Dana", "👩🏽‍🚀 Astro 👨‍👩‍👧‍👦 family", "W" * 10_000, "word " * 2_000, "Z\u0351\u0360\u0341a\u0354\u0329\u0349l\u0334g\u0337o",
    "\u200b\u2060", "{{ 7 * 7 }}{% raw %}", "a\x00b\x07\nc\td", "&lt;b&gt; & \"quotes\" 'single'", "'=1+1", "]]></style></svg><b>out",
]  # fmt: skip


def hostile() -> Document:
    """A creator whose every text is an attack or an accident."""
    dice = random.Random(9)
    creator = identity(dice)
    people, clips, asked = students(len(HOSTILE) * 3, dice, creator), videos(creator, dice, 40), questions(creator, 7)
    for number, student in enumerate(people):
        student |= {
            "name": HOSTILE[number % len(HOSTILE)],
            "tier": "at_risk",
            "lifecycle_stage": "learning",
            "watch_seconds": 1000 - number,
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
    failed, wrong = quizzes(creator, dice, 40)
    for number, line in enumerate([*failed, *wrong]):
        line |= {"title" if line in failed else "question": HOSTILE[number + 1]}
    told = advice(creator, people[:8], clips)
    for number, line in enumerate(told):
        line |= {"about": HOSTILE[number % len(HOSTILE)], "reason": HOSTILE[(number + 5) % len(HOSTILE)]}
    extra = frame("course_progress", [{"course": text, "started_count": 3, "completed_rate": None} for text in HOSTILE],
                  "course started_count completed_rate", "Courses <i>& more</i>")  # fmt: skip
    page = _page("</title><script>alert('x')</script>\u202e" + "Company & Söhne " * 700, {
        "creator_overview": [overview(creator, "x", people, clips)], "daily_activity": days(creator, dice, 30, 9), "video_analytics": clips,
        "student_engagement_tiers": people, "top_questions": asked, "quiz_analytics": failed, "quiz_question_analytics": wrong, "recommendations": told,
        "hourly_activity": hours(creator, dice, 1), "tier_transitions": transitions(creator, people), "revenue_overview": revenue(creator),
    })  # fmt: skip
    return document("report", page.title, page.creator_name, "creator_overview", {**page.frames, "course_progress": extra}, "Not/A_Zone")


def tiny(report: str, main: str) -> Document:
    """Three students and three videos, with the awkward values that formats must hold: small enough to read as a golden file."""
    dice = random.Random(2)
    creator = identity(dice)
    people, clips = students(3, dice, creator), videos(creator, dice, 40)[:3]
    people[0] |= {
        "name": "=SUM(A1)",
        "email": None,
        "tier": "at_risk",
        "lifecycle_stage": "learning",
        "tier_reason": "No activity since 20 February 2026",
    }
    people[0] |= {"last_active_at": AS_OF - timedelta(days=9, hours=11, microseconds=250_000), "avg_completion_rate": None}
    people[1] |= {"name": 'Zoë "Z" Ito, Jr.', "email": ""}
    people[2] |= {"name": "'+1\r\n\\ 👩🏽‍🚀"}
    people[2] |= {"tier": "engaged", "last_active_at": AS_OF - timedelta(hours=5), "tier_reason": "16 videos, last active on 2 March 2026"}
    clips[1] |= {
        "completion_count": 8,
        "completion_rate": 0.2222,
        "title": "-5 °C: \tcold cameras",
        "needs_attention": True,
        "attention_reason": "8 of 36 viewers finished the video, under 30%",
    }
    rows = {
        "creator_overview": [overview(creator, "Tiny & Sons", people, clips)], "daily_activity": days(creator, dice, 3, 40), "video_analytics": clips,
        "student_engagement_tiers": people, "top_questions": questions(creator, 3), "hourly_activity": hours(creator, dice, 0.2),
        "tier_transitions": transitions(creator, people), "revenue_overview": revenue(creator), "recommendations": advice(creator, people, clips),
        "restatements": restatements(creator),
    }  # fmt: skip
    rows["quiz_analytics"], rows["quiz_question_analytics"] = quizzes(creator, dice, 12)
    if main in ROW_LEVEL:
        rows |= doings(creator, people, clips)
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
