"""The HTML report: one self-contained page from a document.

Belongs here: putting the sections into the template, the style into the page, and the policy that allows only that style.
Does not: what a section says (sections/), how charts are drawn (charts.py), how it looks (templates/report.css).

To give a mart a section of its own: a module in sections/, a template of the same name, a line in _SECTIONS and in the template.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from reports.document import Document
from reports.reading import Reading
from reports.sections import (
    advice,
    changes,
    daily,
    files,
    head,
    hours,
    meaning,
    numbers,
    others,
    questions,
    quizzes,
    revenue,
    slipped,
    tiers,
    videos,
)

_TEMPLATES = Path(__file__).parent / "templates"
_SECTIONS = {
    "head": head.build,
    "slipped": slipped.build,
    "numbers": numbers.build,
    "daily": daily.build,
    "hours": hours.build,
    "tiers": tiers.build,
    "videos": videos.build,
    "quizzes": quizzes.build,
    "questions": questions.build,
    "revenue": revenue.build,
    "advice": advice.build,
    "others": others.build,
    "changes": changes.build,
    "meaning": meaning.build,
    "files": files.build,
}


def render_page(document: Document) -> bytes:
    """The document as UTF-8 HTML that loads nothing, runs nothing and escapes every text."""
    reading = Reading(document)
    views = {name: build(reading) for name, build in _SECTIONS.items()}
    return _template().render(views, style=_style(), policy=_policy()).encode()


@cache
def _template() -> Template:
    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )
    return environment.get_template("report.html.j2")


@cache
def _style() -> str:
    """The style sheet as it stands in the page: to the byte, or its hash in the policy would not fit."""
    return (_TEMPLATES / "report.css").read_text(encoding="utf-8")


@cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
