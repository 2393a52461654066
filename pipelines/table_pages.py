"""The published tables described for people who query them: docs/tables.md, generated from the contracts.

Belongs here: Markdown of grain, key, columns, units and an example query per table. Does not: the words themselves (the marts' yml).
"""

import re
from collections.abc import Iterable

from pipelines import pages
from pipelines.catalog import Mart, MartColumn

_HEAD = """# The tables of `analytics`

Generated from the contracts in `dbt_project/models/marts` by `creator-reports tables`; a test keeps it fresh.

Every table carries `creator_id`, and row security shows each reader the rows that are theirs. All rows of one publish become visible at once;
`analytics.published` says for which instant (`as_of`) they were computed and up to when the source was complete (`complete_through`).
A column `<x>_rate` is 0 to 1, `<x>_change` is (now - before) / before, `<x>_cents` are hundredths of the currency's unit, `<x>_at` are instants,
`<x>_on` local days of the creator.
`required` columns are never null. The schema `analytics_deidentified` has the same tables for the role `bi_reader_deidentified`, with masks in the place of
`personal` columns; `published` and `restatements` name nobody, and that role reads them in `analytics`. In the examples `:creator_id` stands for a creator's id.

| table | one row per | what it holds |
|---|---|---|
"""
_PAGES = """| `restatements` | `creator_id`, `activity_on`, `metric`, `as_of` | A number of a finished day that changed: `old_value` before, `new_value` since `as_of`. |

## Pages of the app

Functions of `analytics` that bind to one creator; row security holds within them.

| function | what it gives |
|---|---|
"""
_SHOWN = 6
"""So many columns stand in an example."""


def describe_tables(marts: Iterable[Mart]) -> str:
    """The page of all tables as Markdown, by name."""
    ordered = sorted(marts, key=lambda mart: mart.name)
    lines = [f"| [`{mart.name}`](#{mart.name}) | {_listed(mart.primary_key)} | {_cell(mart.description)} |" for mart in ordered]
    return _HEAD + "\n".join(lines) + "\n" + _PAGES + _functions() + "".join(_section(mart) for mart in ordered)


def _functions() -> str:
    """A line per function of pages.sql: its name with what it takes, and its comment."""
    text = pages.STATEMENTS.read_text()
    takes = {
        name: " ".join(arguments.split()) for name, arguments in re.findall(r"function analytics\.(\w+)\((.*?)\) returns", text, re.DOTALL)
    }
    says = re.findall(r"comment on function analytics\.(\w+) is '((?:[^']|\'\')*)'", text)
    return "".join(f"| `{name}({takes[name]})` | {said.replace(chr(39) * 2, chr(39))} |\n" for name, said in says)


def example_query(mart: Mart) -> str:
    """A query that shows what the table is for: one creator's rows in the order of its files."""
    names = [column.name for column in mart.columns if not column.name.endswith("_id")][:_SHOWN]
    order = "" if mart.primary_key == ("creator_id",) else f"\norder by {', '.join(mart.order_by)}\nlimit 20"
    return f"select {', '.join(names)}\nfrom analytics.{mart.name}\nwhere creator_id = :creator_id{order};"


def _section(mart: Mart) -> str:
    columns = "\n".join(
        f"| `{column.name}` | {column.data_type} | {_unit(column)} | {_cell(column.description)} |" for column in mart.columns
    )
    indexes = "".join(f" ({index})" for index in mart.indexes)
    indexes = f" Indexed beside it by{indexes}." if indexes else ""
    return f"""
## {mart.name}

{mart.description}

Key: {_listed(mart.primary_key)}.{indexes}

| column | type | unit | what it is |
|---|---|---|---|
{columns}

```sql
{example_query(mart)}
```
"""


def _listed(names: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


def _unit(column: MartColumn) -> str:
    """The unit; of personal columns that they are, and of those that are never null that they are required."""
    said = [column.unit, f"personal ({column.personal})" if column.personal else None, "required" if column.is_required else None]
    return ", ".join(part for part in said if part)


def _cell(text: str) -> str:
    """Text that stays within a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
