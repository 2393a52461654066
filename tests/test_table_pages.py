"""docs/tables.md: fresh, complete, and its example queries run (tests/test_models.py builds the tables they ask)."""

from pipelines.catalog import load_catalog
from pipelines.settings import ROOT
from pipelines.table_pages import describe_tables

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
