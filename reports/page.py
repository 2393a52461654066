"""The HTML report: one self-contained page from a document.

Belongs here: putting the sections into the template, the style into the page, and the policy that allows only that style.
Does not: what a section says (sections/), how charts are drawn (charts.py), how it looks (templates/report.css).

To give a mart a section of its own: a module in sections/, a template of the same name, a line in _SECTIONS and in the template.
"""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from reports.document import Document
from reports.reading import Reading
from reports.sections import (
    advice,
    changes,
    daily,
    files,
    head,
    hours,
    lead,
    meaning,
    numbers,
    others,
    questions,
    quizzes,
    revenue,
    slipped,
    start,
    tiers,
    videos,
)
from reports.wording import SPACED_DATE

_NUMERIC_DATE = re.compile(r"\b(\d{1,4}[-./]\d{1,2}[-./]\d{1,4})\b")
_TIME_UNIT = re.compile(r"(?<=\d) (?=(?:h|min|s)\b)|(?<=\d h) (?=\d)")
_UNIT = re.compile(r"(?<=\d)(\u00a0(?:h|min|s)\b)")
_TEMPLATES = Path(__file__).parent / "templates"
_SECTIONS = {
    "head": head.build,
    "lead": lead.build,
    "start": start.build,
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
    environment.filters["whole"] = keep_whole
    environment.filters["sized"] = set_units_small
    return environment.get_template("report.html.j2")


def keep_whole(text: str) -> Markup:
    """The escaped text, in which no line ends inside a date or a length of time. A hyphen cannot be made unbreakable and stay a hyphen: a `time` holds it."""
    spaced = SPACED_DATE.sub(lambda found: found[0].replace(" ", "\u00a0"), _TIME_UNIT.sub("\u00a0", text))
    pieces = enumerate(_NUMERIC_DATE.split(spaced))  # every other one is a date
    return Markup("").join(Markup("<time>{}</time>").format(piece) if place % 2 else escape(piece) for place, piece in pieces)


def set_units_small(text: str) -> Markup:
    """As `keep_whole`, with the units of a length of time in `small`: the numbers can be larger in the same width, and are what is looked for."""
    return Markup(_UNIT.sub(r"<small>\1</small>", str(keep_whole(text))))  # noqa: S704 # escaped by keep_whole; the tags go around our own units


@cache
def _style() -> str:
    """The style sheet as it stands in the page: to the byte, or its hash in the policy would not fit."""
    return (_TEMPLATES / "report.css").read_text(encoding="utf-8")


@cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
