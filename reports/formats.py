"""The formats of a report. One function and one row in FORMATS adds a format; every report then offers it.

Belongs here: the registry, CSV and JSON. Does not: what a value looks like (cells.py) and the page (page.py).

CSV: RFC 4180, UTF-8 without BOM, CRLF, one header line of column names. Text and instants are quoted, numbers, dates and
booleans are not; a null is an empty field, an empty text is `""`. Formula cells are defused (see cells.py).
JSON: an array of records, one record a line, UTF-8; the same columns, names, order and values as CSV before defusing.
"""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from reports.cells import defuse, plain
from reports.document import Document, Frame
from reports.page import render_page

_BATCH_ROWS = 8192  # keeps the memory of a large export in bounds: only one batch is held as text at a time
_CSV = pa_csv.WriteOptions(include_header=False, eol="\r\n", quoting_style="needed", null_string="")
_CONTROLS = {chr(code): json.dumps(chr(code))[1:-1] for code in range(0x20)}


@dataclass(frozen=True)
class Format:
    """A way to write a document. `is_inline`: a browser shows it instead of saving it."""

    suffix: str
    content_type: str
    is_inline: bool
    render: Callable[[Document], bytes]


def csv_chunks(frame: Frame) -> Iterator[bytes]:
    """The frame as CSV: the header line, then one piece per batch of rows."""
    yield (",".join(frame.table.column_names) + "\r\n").encode()
    for batch in _batches(frame):
        piece = io.BytesIO()
        pa_csv.write_csv(defuse(batch), piece, _CSV)
        yield piece.getvalue()


def json_chunks(frame: Frame) -> Iterator[bytes]:
    """The frame as a JSON array, one record a line, in one piece per batch of rows."""
    opening = "[\n"
    for batch in _batches(frame):
        yield (opening + ",\n".join(_records(batch).to_pylist())).encode()
        opening = ",\n"
    yield b"[]\n" if opening == "[\n" else b"\n]\n"


def _batches(frame: Frame) -> Iterator[pa.Table]:
    for start in range(0, frame.table.num_rows, _BATCH_ROWS):
        yield plain(frame.table.slice(start, _BATCH_ROWS))


def _records(batch: pa.Table) -> pa.ChunkedArray:
    """One JSON object per row, as text. Column by column: a Python loop over cells takes ten times as long."""
    parts: list[pa.ChunkedArray | pa.Scalar] = []
    opening = "{"
    for name, column in zip(batch.column_names, batch.columns, strict=True):
        text = column.cast(pa.large_string())
        is_text = pa.types.is_large_string(column.type) or pa.types.is_date32(column.type)
        parts += [_text(f"{opening}{json.dumps(name, ensure_ascii=False)}: "), _quote(text) if is_text else text]
        opening = ", "
    return pc.binary_join_element_wise(*parts, _text("}"), _text(""), null_handling="replace", null_replacement="null")


def _quote(text: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
    if pc.any(pc.match_substring_regex(text, r"[\x00-\x1f]")).as_py():
        for control, escape in _CONTROLS.items():
            text = pc.replace_substring(text, control, escape)
    return pc.binary_join_element_wise(_text('"'), text, _text('"'), _text(""))


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())


def render_csv(document: Document) -> bytes:
    """The document's main frame as CSV."""
    return b"".join(csv_chunks(document.main))


def render_json(document: Document) -> bytes:
    """The document's main frame as JSON."""
    return b"".join(json_chunks(document.main))


FORMATS: dict[str, Format] = {
    "csv": Format("csv", "text/csv; charset=utf-8", False, render_csv),
    "json": Format("json", "application/json", False, render_json),
    "html": Format("html", "text/html; charset=utf-8", True, render_page),
}
