"""The formats of a report. One function and one row in FORMATS adds a format; every report then offers it.

Belongs here: the registry, CSV and JSON. Does not: what a value looks like (cells.py), the page (page.py), the package of a workbook
(workbook.py), what metadata say (metadata.py).

CSV: RFC 4180, UTF-8, CRLF, one header line of column names; a byte order mark first where the document asks for it. Text and
instants are quoted, numbers, dates and booleans are not; a null is an empty field, an empty text is `""`. Formula cells are
defused (see cells.py). JSON: an array of records, one record a line, UTF-8; with metadata an object whose `records` is that array.
Columns, names, order and values are the same in all data formats, before defusing.
"""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from reports.cells import defuse, plain
from reports.document import Document, Frame
from reports.metadata import describe, listing
from reports.page import render_page
from reports.workbook import Workbook

_BOM = b"\xef\xbb\xbf"
_CSV = pa_csv.WriteOptions(include_header=False, eol="\r\n", quoting_style="needed", null_string="")
_CONTROLS = {chr(code): json.dumps(chr(code))[1:-1] for code in range(0x20)}
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', **_CONTROLS})
_KEPT = bytes(code for code in range(256) if code not in _ESCAPES)
"""Bytes that JSON does not escape."""
_FEW_ROWS = 8
"""Up to here Python escapes a column sooner than a round of Arrow's functions begins."""


@dataclass(frozen=True)
class Format:
    """A way to write a document: `write` puts it into a file that can seek, and returns how many rows it wrote.

    `is_inline`: a browser shows it instead of saving it.
    """

    suffix: str
    content_type: str
    is_inline: bool
    write: Callable[[Document, BinaryIO], int]

    def render(self, document: Document) -> bytes:
        """The document as bytes, where it is known to be small."""
        file = io.BytesIO()
        self.write(document, file)
        return file.getvalue()


def write_csv(document: Document, file: BinaryIO) -> int:
    """The document's main frame as CSV, a piece per batch of rows."""
    file.write(_BOM if document.has_bom else b"")
    file.write((",".join(document.main.table.column_names) + "\r\n").encode())
    row_count = 0
    for batch in _batches(document.main):
        pa_csv.write_csv(defuse(batch), file, _CSV)
        row_count += batch.num_rows
    return row_count


def write_json(document: Document, file: BinaryIO) -> int:
    """The document's main frame as a JSON array, one record a line, in one piece per batch of rows."""
    opening, closing = "[", "]"
    if document.has_metadata:
        opening, closing = json.dumps(describe(document), ensure_ascii=False, indent=1)[:-2] + ',\n "records": [', "]\n}"
    file.write(opening.encode())
    row_count = 0
    for batch in _batches(document.main):
        for chunk in _records(batch).chunks:
            text = memoryview(_bytes(chunk))
            file.write(text if row_count else text[1:])  # no comma before the first record
            row_count += len(chunk)
    file.write(f"{chr(10) if row_count else ''}{closing}\n".encode())
    return row_count


def write_xlsx(document: Document, file: BinaryIO) -> int:
    """The document's main frame as a workbook; metadata are a sheet behind it."""
    with Workbook(file) as book:
        row_count = book.add(document.title, document.main.columns, document.main.batches())
        if document.has_metadata:
            columns, table = listing(document)
            book.add("About these rows", columns, [table])
    return row_count


def write_sidecar(document: Document, file: BinaryIO) -> int:
    """The metadata of a CSV file, which has no place for them."""
    file.write((json.dumps(describe(document), ensure_ascii=False, indent=1) + "\n").encode())
    return document.main.table.num_rows


def write_page(document: Document, file: BinaryIO) -> int:
    """The document as a page."""
    file.write(render_page(document))
    return document.main.table.num_rows


def _batches(frame: Frame) -> Iterator[pa.Table]:
    return map(plain, frame.batches())


def _records(batch: pa.Table) -> pa.ChunkedArray:
    """A comma, a line break and one JSON object per row, as text. Column by column: a Python loop over cells takes ten times as long."""
    parts: list[pa.ChunkedArray | pa.Scalar] = []
    literal = ",\n{"
    for name, column in zip(batch.column_names, batch.columns, strict=True):
        text, after = column.cast(pa.large_string()), ", "
        literal += f"{json.dumps(name, ensure_ascii=False)}: "
        if pa.types.is_large_string(column.type) or pa.types.is_date32(column.type):
            text = _escape(text)
            if text.null_count:
                text = pc.binary_join_element_wise(_text('"'), text, _text('"'), _text(""))
            else:  # its quotes are part of what stands between columns
                literal, after = f'{literal}"', '", '
        parts += [_text(literal), text]
        literal = after
    return pc.binary_join_element_wise(
        *parts, _text(f"{literal.removesuffix(', ')}}}"), _text(""), null_handling="replace", null_replacement="null"
    )


def _escape(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts as they stand between the quotes of JSON."""
    if len(text) <= _FEW_ROWS:
        escaped = [value.translate(_ESCAPES) if value is not None else None for value in text.to_pylist()]
        return pa.chunked_array([pa.array(escaped, pa.large_string())])
    found = set().union(*(_escaped_in(chunk) for chunk in text.chunks))
    if "\\" in found:  # first, since the others bring backslashes with them
        text = pc.replace_substring(text, "\\", "\\\\")
    for sign in found - {"\\"}:
        text = pc.replace_substring(text, sign, _ESCAPES[ord(sign)])
    return text


def _escaped_in(chunk: pa.Array) -> set[str]:
    """The signs in the texts of an array that JSON escapes; nearly always none, and seen without looking at each text."""
    data = _bytes(chunk)
    return {chr(code) for code in set(data.translate(None, _KEPT))}


def _bytes(chunk: pa.Array) -> bytes:
    """All texts of an array of large_string, one after the other."""
    _, offsets, data = chunk.buffers()
    if data is None:
        return b""
    ends = memoryview(offsets).cast("q")
    return data[ends[chunk.offset] : ends[chunk.offset + len(chunk)]].to_pybytes()


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())


FORMATS: dict[str, Format] = {
    "csv": Format("csv", "text/csv; charset=utf-8", False, write_csv),
    "json": Format("json", "application/json", False, write_json),
    "xlsx": Format("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", False, write_xlsx),
    "html": Format("html", "text/html; charset=utf-8", True, write_page),
}

SIDECAR = Format("csv-metadata.json", "application/json", False, write_sidecar)
"""Stands beside a CSV file whose reader wants metadata; the suffix is that of the W3C's "CSV on the Web"."""
