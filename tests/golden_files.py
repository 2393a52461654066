"""The golden files: what each report looks like in each format, small enough to read in a review.

Belongs here: making them. Does not: comparing (test_formats.py). The page is kept as the outline of its text, a workbook as its cells.
To renew them after a change that is meant: `.venv/bin/python -m tests.golden_files`, then read the diff.
"""

import io
from pathlib import Path

import openpyxl
import yaml

from pipelines.settings import ROOT
from reports.formats import FORMATS
from reports.sections.meaning import GROUPS
from tests.page_outline import Page
from tests.report_documents import tiny

GOLDEN = Path(__file__).parent / "golden"
REPORTS = {
    "students": "student_engagement_tiers",
    "progress": "progress",
    "chat": "chat_transcript",
    "analytics": "creator_overview",
    "quiz_results": "quiz_results",
    "videos": "video_analytics",
    "questions": "top_questions",
}
"""Each type of export and its mart."""


def make() -> dict[Path, bytes]:
    """The content that each golden file should have."""
    page = Page(FORMATS["html"].render(tiny("report", "creator_overview")).decode()).outline()
    files = {GOLDEN / "report" / "report.txt": page.encode(), GOLDEN / "report" / "meaning.txt": _meanings().encode()}
    for report, mart in REPORTS.items():
        document = tiny(report, mart)
        for name in ("csv", "json"):
            files[GOLDEN / report / f"{report}.{name}"] = FORMATS[name].render(document)
        files[GOLDEN / report / f"{report}.xlsx.txt"] = _cells(FORMATS["xlsx"].render(document)).encode()
    return files


def _meanings() -> str:
    """What the page says of each of its words, under it what the contract says of the column: whoever changes one sees the other."""
    lines = []
    for word, (mart, column, meaning) in ((word, entry) for words in GROUPS.values() for word, entry in words.items()):
        (model,) = yaml.safe_load((ROOT / f"dbt_project/models/marts/{mart}.yml").read_text(encoding="utf-8"))["models"]
        (described,) = [one["description"] for one in model["columns"] if one["name"] == column]
        lines += [f"{word}: {meaning}", f"    {mart}.{column}: {described}"]
    return "\n".join(lines) + "\n"


def _cells(workbook: bytes) -> str:
    """Each sheet with what is frozen and filtered; a line per column with its cells: type (s text, n number, d date, b boolean), value, how it is shown."""
    lines = []
    for sheet in openpyxl.load_workbook(io.BytesIO(workbook)):
        lines.append(f"{sheet.title}: frozen at {sheet.freeze_panes}, filter {sheet.auto_filter.ref}")
        for head, *cells in sheet.iter_cols():
            formats = sorted({cell.number_format for cell in cells if cell.value is not None})
            lines.append(
                f"{head.column_letter} {head.value} ({', '.join(formats)}): {' | '.join(f'{cell.data_type} {cell.value!r}' for cell in cells)}"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for path, content in make().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        print(path.relative_to(GOLDEN.parent.parent))
