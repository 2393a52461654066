"""docs/tables.md: fresh, complete, and its example queries run (tests/test_models.py builds the tables they ask)."""

import pytest

from pipelines.catalog import load_catalog
from pipelines.settings import ROOT
from pipelines.table_pages import describe_tables
from questions.wording import is_question

PAGE = ROOT / "docs" / "tables.md"


def test_the_page_of_tables_is_fresh() -> None:
    page = describe_tables(load_catalog().marts.values())
    assert PAGE.read_text() == page, "write it anew: creator-reports tables > docs/tables.md"


def test_every_column_of_every_table_is_on_the_page() -> None:
    page = PAGE.read_text()
    for mart in load_catalog().marts.values():
        section = page.split(f"\n## {mart.name}\n")[1].split("\n## ")[0]
        for column in mart.columns:
            assert f"| `{column.name}` | {column.data_type} |" in section, f"{mart.name}.{column.name}"
            assert column.description, f"{mart.name}.{column.name}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Good morning everyone!", "greetings"),
        ("Thank you so much!", "thanks"),
        ("Yes, okay, sure.", "short answers"),
        ("🎉🎉🎉 … 🎉🎉🎉 … 🎉🎉🎉", "without a letter or digit"),
        ("555 0199 2817", None),
    ],
)
def test_what_is_no_question_is_said_where_questions_are_counted(text: str, kind: str | None) -> None:
    marts = load_catalog().marts
    counted = {
        f"{mart}.{column.name}": column.description
        for mart, name in (("creator_overview", "question_count"), ("video_analytics", "related_question_count"))
        for column in marts[mart].columns
        if column.name == name
    }
    said = {**counted, "top_questions": marts["top_questions"].description}
    assert len(text) > 10 and len(said) == 3
    assert is_question(text) is (kind is None)
    assert [where for where, description in said.items() if kind and kind not in description] == []
