"""The golden files: what each report looks like in each format, small enough to read in a review.

Belongs here: making them. Does not: comparing (test_formats.py). The page is kept as the outline of its text.
To renew them after a change that is meant: `.venv/bin/python -m tests.golden_files`, then read the diff.
"""

from pathlib import Path

from reports.formats import FORMATS
from tests.page_outline import Page
from tests.report_documents import tiny

GOLDEN = Path(__file__).parent / "golden"
_REPORTS = (
    ("students", "student_engagement_tiers", ("csv", "json")),
    ("videos", "video_analytics", ("csv", "json")),
    ("report", "creator_overview", ("html",)),
)


def make() -> dict[Path, bytes]:
    """The content that each golden file should have."""
    files = {}
    for report, mart, formats in _REPORTS:
        document = tiny(report, mart)
        for name in formats:
            content = FORMATS[name].render(document)
            is_page = name == "html"
            path = GOLDEN / report / f"{report}.{'txt' if is_page else name}"
            files[path] = Page(content.decode()).outline().encode() if is_page else content
    return files


if __name__ == "__main__":
    for path, content in make().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        print(path.relative_to(GOLDEN.parent.parent))
