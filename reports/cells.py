"""The values that every data format writes, and the defusing of formula cells.

Belongs here: one meaning per value (instants, missing numbers, text) for CSV and JSON alike. Does not: commas, quotes, braces.

Defusing: a spreadsheet runs a text cell as a formula when it starts with = + - @ (or their full-width forms), a tab or a line
break. Such a text gets one apostrophe in front. So does a text that already starts with apostrophes and then such a
character, so that taking one apostrophe away (`undo`) always gives back exactly what was there.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

_DANGEROUS = "'*[=+\\-@\\t\\r\\n＝＋－＠]"
_FIRST = pa.array([*"'=+-@\t\r\n＝＋－＠"], pa.large_string())
"""What a text that is defused begins with."""
_DEFUSED = re.compile(f"'{_DANGEROUS}")


def plain(table: pa.Table) -> pa.Table:
    """The table in the few types that formats write: bool, integers, finite floats, decimals, date32 and large text.

    Instants become ISO 8601 text in UTC (`2026-03-02T07:00:00Z`); NaN and infinities become null.
    Raises TypeError for a column type that has no agreed form, with the column's name.
    """
    columns = [_plain(name, table.column(name)) for name in table.column_names]
    return pa.table(columns, names=table.column_names)


def defuse(table: pa.Table) -> pa.Table:
    """A table from `plain` with every text defused; numbers, dates and booleans stay as they are."""
    columns = [_defuse(column) if pa.types.is_large_string(column.type) else column for column in table.columns]
    return pa.table(columns, names=table.column_names)


def undo(text: str) -> str:
    """The text as it was before `defuse`."""
    return text[1:] if _DEFUSED.match(text) else text


def _defuse(text: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pc.any(pc.is_in(pc.utf8_slice_codeunits(text, 0, 1), _FIRST)).as_py():
        return text  # nearly always; looking takes a tenth of replacing
    return pc.replace_substring_regex(text, pattern=f"^({_DANGEROUS})", replacement=r"'\1")


def _plain(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(name, column.cast(kind.value_type))
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_date32(kind):
        return column
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        text = column.cast(pa.timestamp("us")).cast(
            pa.large_string()
        )  # as text without a zone, since with one it takes twenty times as long
        text = pc.replace_substring(text, " ", "T", max_replacements=1)
        text = pc.binary_join_element_wise(text, pa.scalar("Z", pa.large_string()), pa.scalar("", pa.large_string()))
        return pc.replace_substring(text, ".000000Z", "Z")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return column.cast(pa.large_string())
    raise TypeError(f"Column {name} is of type {kind}, which no format can write; make it text, a number, a date or a UTC instant.")
