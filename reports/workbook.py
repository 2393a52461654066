"""The frame as an Excel workbook: typed cells, a frozen header with filters, a next sheet where one is full.

Belongs here: the parts of the package, sheets, cells. Does not: which values (cells.py), which files have metadata (metadata.py).

Written by hand, batch by batch, a column at a time: a library that writes cell by cell (XlsxWriter, constant_memory) takes four to five times as
long, which for progress and chat of 10,000 students is 43 s of processor time, where 30 s is the bound. Same rows, same bytes: every date of the package is fixed.

Text is always a text cell, so that nothing is run as a formula. Instants are dates in UTC, and show it. Excel's own limits hold: a text is cut at
32,767 characters, dates before March 1900 are text, and whole numbers keep 15 digits.
Over 200 lines: one function per part of the package.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa
import pyarrow.compute as pc

from reports.cells import plain
from reports.document import Column

MOST_ROWS = 1_048_575
"""Rows of one sheet beside its header."""

_MOST_BYTES = 2_000_000_000  # a part over 2 GiB needs an extension of zip that Excel wants to repair
_MOST_UNITS = 32_767
_FIXED = (1980, 1, 1, 0, 0, 0)
_FIRST_SERIAL, _END_SERIAL = 61, 2_958_466  # 1 March 1900 (before it Excel counts a day that never was) and the end of year 9999
_DAY_US = 86_400_000_000
_HEADING, _DAY, _INSTANT, _RATE = 1, 2, 3, 4  # places in the list of cell formats below
_ILLEGAL = r"[\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml."
_STYLES = (
    f'<styleSheet {_MAIN}><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss\\ &quot;UTC&quot;"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="5">'
    + "".join(
        f'<xf numFmtId="{number}" fontId="{font}" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>'
        for number, font in ((0, 0), (0, 1), (164, 0), (165, 0), (10, 0))
    )
    + '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


@dataclass
class _Sheet:
    """A sheet that is written: its name and how far its cells reach."""

    name: str
    column_count: int
    row_count: int = 0

    @property
    def area(self) -> str:
        return f"$A$1:${letters(self.column_count)}${self.row_count + 1}"


@dataclass
class Workbook:
    """A workbook that is being written to a file that can seek: the end of its `with` completes it."""

    file: BinaryIO
    sheets: list[_Sheet] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._package = zipfile.ZipFile(self.file, "w", zipfile.ZIP_DEFLATED, compresslevel=4)

    def add(self, title: str, columns: Sequence[Column], batches: Iterable[pa.Table]) -> int:
        """Write a sheet of these columns, and more sheets where rows are left. Returns the number of rows."""
        number, total, left = 1, 0, iter(batches)
        rest: pa.Table | None = None
        while True:
            sheet = _Sheet(self._free_name(title, number), len(columns))
            self.sheets.append(sheet)
            rest = self._write_sheet(sheet, columns, _chain(rest, left))
            total += sheet.row_count
            if rest is None:
                return total
            number += 1

    def _free_name(self, title: str, number: int) -> str:
        """At most 31 characters, none of those that Excel forbids, like no sheet before."""
        suffix = f" {number}" if number > 1 else ""
        name = re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", title).strip(" '")[: 31 - len(suffix)] or "Rows"
        return name + suffix

    def _write_sheet(self, sheet: _Sheet, columns: Sequence[Column], batches: Iterator[pa.Table]) -> pa.Table | None:
        """Fill one sheet; what no longer fits comes back."""
        rest, written = None, 0
        with self._package.open(_part(f"xl/worksheets/sheet{len(self.sheets)}.xml"), "w") as part:
            part.write(_sheet_opening(columns).encode())
            for batch in batches:
                room = MOST_ROWS - sheet.row_count if written < _MOST_BYTES else 0
                if batch.num_rows > room:
                    batch, rest = batch.slice(0, room), batch.slice(room)
                xml = _rows(batch, columns, sheet.row_count + 2)
                part.write(xml)
                written += len(xml)
                sheet.row_count += batch.num_rows
                if rest is not None:
                    break
            part.write(f'</sheetData><autoFilter ref="{sheet.area.replace("$", "")}"/></worksheet>'.encode())
        return rest

    def __enter__(self) -> "Workbook":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._name_sheets()
        self._package.close()

    def _name_sheets(self) -> None:
        """Write the parts that name the sheets."""
        names = range(1, len(self.sheets) + 1)
        sheets = "".join(f'<sheet name={quoteattr(s.name)} sheetId="{n}" r:id="rId{n}"/>' for n, s in zip(names, self.sheets, strict=True))
        filters = "".join(
            f'<definedName name="_xlnm._FilterDatabase" localSheetId="{n}" hidden="1">{escape(_quoted(s.name))}!{s.area}</definedName>'
            for n, s in enumerate(self.sheets)
        )
        book = f'<workbook {_MAIN} xmlns:r="{_RELATED}"><sheets>{sheets}</sheets><definedNames>{filters}</definedNames></workbook>'
        links = "".join(f'<Relationship Id="rId{n}" Type="{_RELATED}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in names)
        links += f'<Relationship Id="rId{len(names) + 1}" Type="{_RELATED}/styles" Target="styles.xml"/>'
        kinds = "".join(f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPES}worksheet+xml"/>' for n in names)
        self._write("xl/workbook.xml", book)
        self._write("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>')
        self._write("xl/styles.xml", _STYLES)
        self._write(
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_RELATED}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        self._write(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{_TYPES}sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}styles+xml"/>{kinds}</Types>',
        )

    def _write(self, name: str, xml: str) -> None:
        self._package.writestr(_part(name), _XML + xml, compresslevel=4)


def letters(number: int) -> str:
    """The name of a column: 1 is A, 27 is AA."""
    name = ""
    while number:
        number, place = divmod(number - 1, 26)
        name = chr(65 + place) + name
    return name


def _part(name: str) -> zipfile.ZipInfo:
    part = zipfile.ZipInfo(name, _FIXED)
    part.compress_type = zipfile.ZIP_DEFLATED
    part.external_attr = 0o600 << 16
    return part


def _chain(rest: pa.Table | None, batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    if rest is not None:
        yield rest
    yield from batches


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _sheet_opening(columns: Sequence[Column]) -> str:
    widths = "".join(f'<col min="{n}" max="{n}" width="{_width(column)}" customWidth="1"/>' for n, column in enumerate(columns, 1))
    headings = "".join(
        f'<c r="{letters(n)}1" s="{_HEADING}" t="inlineStr"><is><t xml:space="preserve">{escape(column.name)}</t></is></c>'
        for n, column in enumerate(columns, 1)
    )
    return (
        f'{_XML}<worksheet {_MAIN}><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f'<cols>{widths}</cols><sheetData><row r="1">{headings}</row>'
    )


def _width(column: Column) -> int:
    kinds = {"text": 28, "timestamptz": 24, "date": 12, "uuid": 14}
    return max(kinds.get(column.data_type, 10), min(30, len(column.name) + 4))


def _rows(batch: pa.Table, columns: Sequence[Column], first: int) -> bytes:
    """The rows of a batch, `first` being the number of the first one."""
    if not batch.num_rows:
        return b""
    numbers = pa.chunked_array([pa.array(range(first, first + batch.num_rows)).cast(pa.large_string())])
    cells = [
        _cells(f'<c r="{letters(place)}', numbers, column, values)
        for place, (column, values) in enumerate(zip(columns, batch.columns, strict=True), 1)
    ]
    rows = pc.binary_join_element_wise(
        _text('<row r="'), numbers, _text('">'), *cells, _text("</row>"), _text(""), null_handling="replace", null_replacement=""
    )
    out = io.BytesIO()
    for piece in rows.chunks:  # the bytes of a text array lie behind each other
        data, offsets = piece.buffers()[2], piece.buffers()[1]
        places = memoryview(offsets).cast("q")
        out.write(memoryview(data)[places[piece.offset] : places[piece.offset + len(piece)]])
    return out.getvalue()


def _cells(opening: str, numbers: pa.ChunkedArray, column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """One `<c>` per row, null where there is no value."""
    kind = values.type
    if (pa.types.is_timestamp(kind) and kind.tz is not None) or pa.types.is_date32(kind):
        return _dates(opening, numbers, column, values)
    known = plain(pa.table({column.name: values})).column(0)
    if pa.types.is_large_string(known.type):
        return _text_cells(opening, numbers, known)
    if pa.types.is_boolean(known.type):
        return _join(_text(opening), numbers, _text('" t="b"><v>'), known.cast(pa.int8()).cast(pa.large_string()), _text("</v></c>"))
    style = f'" s="{_RATE}"><v>' if column.unit in ("rate", "change") else '"><v>'
    return _join(_text(opening), numbers, _text(style), known.cast(pa.large_string()), _text("</v></c>"))


def _dates(opening: str, numbers: pa.ChunkedArray, column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_date32(values.type):
        serial, style = pc.add(values.cast(pa.int32()), 25_569), _DAY
    else:
        micros = values.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        serial, style = pc.add(pc.divide(micros.cast(pa.float64(), safe=False), float(_DAY_US)), 25_569.0), _INSTANT
    fits = pc.and_(pc.greater_equal(serial, _FIRST_SERIAL), pc.less(serial, _END_SERIAL))
    shown = pc.if_else(fits, serial, pa.scalar(None, serial.type)).cast(pa.large_string())
    cells = _join(_text(opening), numbers, _text(f'" s="{style}"><v>'), shown, _text("</v></c>"))
    if pc.all(fits).as_py() is not False:
        return cells
    written = plain(pa.table({column.name: values})).column(0).cast(pa.large_string())
    return pc.coalesce(cells, _text_cells(opening, numbers, written))


def _text_cells(opening: str, numbers: pa.ChunkedArray, text: pa.ChunkedArray) -> pa.ChunkedArray:
    return _join(_text(opening), numbers, _text('" t="inlineStr"><is><t xml:space="preserve">'), _escaped(text), _text("</t></is></c>"))


def _escaped(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as XML carries it: markup escaped, and what XML cannot hold in Excel's way, `_x0007_`."""
    if (pc.max(pc.utf8_length(text)).as_py() or 0) > _MOST_UNITS // 2:
        text = pa.chunked_array([pa.array([_cut(one) for one in text.to_pylist()], pa.large_string())])
    text = pc.replace_substring_regex(text, r"(_x[0-9A-Fa-f]{4}_)", r"_x005F\1")
    for mark, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = pc.replace_substring(text, mark, entity)
    if pc.any(pc.match_substring_regex(text, _ILLEGAL)).as_py():
        for code in (*range(0x09), *range(0x0B, 0x20), 0xFFFE, 0xFFFF):
            text = pc.replace_substring(text, chr(code), f"_x{code:04X}_")
    return text


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _MOST_UNITS // 2 or len(text.encode("utf-16-le")) // 2 <= _MOST_UNITS:
        return text
    return text.encode("utf-16-le")[: 2 * _MOST_UNITS].decode("utf-16-le", "ignore")


def _join(*parts: pa.ChunkedArray | pa.Scalar) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(*parts, _text(""))


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())
